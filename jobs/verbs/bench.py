"""`python -m jobs bench`: measure speed on this machine."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

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
    for name in ("exact", "clean"):
        if getattr(options, name) < 0:
            from engine.errors import ConfigError

            raise ConfigError(f"--{name} {getattr(options, name)} cannot be used: give a number from 1 on.")
    if options.decode:
        from jobs import bench_decode as decode

        measure = partial(decode.bench_decode, float32=options.float32, exact=options.exact)
        _one(
            "decode", measure, lambda made: f"{made['greedy']['prompts']} prompts", decode.shown, options.json
        )
    elif options.clean:
        from jobs import bench_clean as clean

        _one("clean", partial(clean.bench_clean, options.clean), _rate, clean.shown, options.json)
    elif options.ask:
        from jobs import bench_ask as ask

        measure = partial(ask.bench_ask, options.name)
        _one("ask", measure, lambda made: f"{made['questions']} questions", ask.shown, options.json)
    else:
        from jobs.bench import STAGES, bench, shown
        from jobs.console import Console

        result = bench(Console(STAGES))
        print_json(result) if options.json else print(shown(result))


Result = dict[str, Any]


def _one(
    stage: str,
    measure: Callable[..., Result],
    said: Callable[[Result], str],
    shown: Callable[[Result], str],
    json: bool,
) -> None:
    """A benchmark of one stage; `said` is what its line ends with."""
    from jobs.console import Console

    console = Console(1)
    console.begin(stage)
    result = measure(console)
    console.end(said(result))
    print_json(result) if json else print(shown(result))


def _rate(made: Result) -> str:
    last = made["runs"][-1]
    return f"{last['rate']:,.0f} documents/s at {last['documents']:,}"
