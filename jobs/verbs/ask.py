"""`python -m jobs ask`: one question of an experiment, or of one long document."""

import argparse

from engine.catalog import SMALL
from engine.errors import LabError
from jobs.options import add_device, add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("ask", help="ask a question of an experiment, or of a long document")
    parser.add_argument("question", help="the question, in quotes")
    parser.add_argument("--name", default="space", help="the experiment's name (default: space)")
    parser.add_argument("--document", help="a file to read from end to end instead, however long")
    parser.add_argument("--model", default=SMALL, help=f"who reads the document (default: {SMALL})")
    add_device(parser)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    if options.document is not None:
        _document(options)
        return
    from jobs.ask import ask, shown

    result = ask(options.question, options.name, options.device)
    print_json(result) if options.json else print(shown(result))
    if result["error"]:
        raise LabError(result["error"])


def _document(options: argparse.Namespace) -> None:
    from jobs.ask_document import ask_document, shown

    result = ask_document(options.question, options.document, options.model, options.device)
    print_json(result) if options.json else print(shown(result))
