"""`python -m jobs ask`: one question of an experiment."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("ask", help="ask a question of an experiment")
    parser.add_argument("question", help="the question, in quotes")
    parser.add_argument("--name", default="space", help="the experiment's name (default: space)")
    parser.add_argument("--device", default=None, help="cuda, mps or cpu (default: the best there is)")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.ask import ask, shown

    result = ask(options.question, options.name, options.device)
    print_json(result) if options.json else print(shown(result))
