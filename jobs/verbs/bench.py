"""`python -m jobs bench`: measure speed on this machine."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("bench", help="measure speed on this machine")
    parser.add_argument("--decode", action="store_true", help="our decoding beside transformers' generate")
    parser.add_argument("--float32", action="store_true", help="with --decode: in float32")
    parser.add_argument(
        "--exact", type=int, default=0, metavar="N", help="with --decode: also N random prompts in float32"
    )
    about = "clean N documents of 1 kB with planted faults, a tenth and a hundredth of them: is it linear?"
    parser.add_argument("--clean", type=int, default=0, metavar="N", help=about)
    parser.add_argument("--ask", action="store_true", help="how long a warm question waits, tier by tier")
    parser.add_argument("--name", default="space", help="with --ask: the experiment's name (default: space)")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    if options.decode:
        _decode(options)
        return
    if options.clean:
        _clean(options)
        return
    if options.ask:
        _ask(options)
        return
    from jobs.bench import STAGES, bench, shown
    from jobs.console import Console

    result = bench(Console(STAGES))
    print_json(result) if options.json else print(shown(result))


def _decode(options: argparse.Namespace) -> None:
    from jobs.bench_decode import bench_decode, shown
    from jobs.console import Console

    console = Console(1)
    console.begin("decode")
    result = bench_decode(console, float32=options.float32, exact=options.exact)
    console.end(f"{result['greedy']['prompts']} prompts")
    print_json(result) if options.json else print(shown(result))


def _clean(options: argparse.Namespace) -> None:
    from jobs.bench_clean import bench_clean, shown
    from jobs.console import Console

    console = Console(1)
    console.begin("clean")
    result = bench_clean(options.clean, console)
    console.end(f"{result['runs'][-1]['rate']:,.0f} documents/s at {result['runs'][-1]['documents']:,}")
    print_json(result) if options.json else print(shown(result))


def _ask(options: argparse.Namespace) -> None:
    from jobs.bench_ask import bench_ask, shown
    from jobs.console import Console

    console = Console(1)
    console.begin("ask")
    result = bench_ask(options.name, console)
    console.end(f"{result['questions']} questions")
    print_json(result) if options.json else print(shown(result))
