"""`python -m jobs calibrate`: fit P(correct) on an experiment's dev split, measure it on test, set the usual
budget dial."""

import argparse

from jobs.options import add_device, add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("calibrate", help="fit the verifier's P(correct) on dev, measure it on test")
    parser.add_argument("--name", default="space", help="the experiment's name (default: space)")
    parser.add_argument(
        "--tiers", default="", help="cheapest first, of small, adapter, large (default: the best pair)"
    )
    about = "other experiments, whose questions are learned from beside dev (comma-separated)"
    parser.add_argument("--also", default="", metavar="NAMES", help=about)
    about = "instead, measure the lexical verifier on WiCE: a JSONL file, or a folder of them"
    parser.add_argument("--wice", default="", metavar="PATH", help=about)
    add_device(parser)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.console import Console

    console = Console(1)
    console.begin("calibrate")
    if options.wice:
        from pathlib import Path

        from engine.evaluation.claims import measure

        result = measure(Path(options.wice))
    else:
        from jobs.cascade import calibrated

        result = calibrated(options.name, options.tiers, options.device, console, also=options.also)
    console.end("measured")
    if options.json:
        print_json(result)
        return
    for name, value in result.items():
        if isinstance(value, int | float | str):
            print(f"{name:<15} {value:.4f}" if isinstance(value, float) else f"{name:<15} {value}")
