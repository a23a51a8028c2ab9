"""`python -m jobs bench`: measure speed on this machine."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("bench", help="measure speed on this machine")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.bench import STAGES, bench, shown
    from jobs.console import Console

    result = bench(Console(STAGES))
    print_json(result) if options.json else print(shown(result))
