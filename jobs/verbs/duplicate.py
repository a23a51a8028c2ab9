"""`python -m jobs duplicate ID`: a job once more, with some settings changed."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("duplicate", help="queue a job once more, with some settings changed")
    parser.add_argument("id", help="the job's id")
    about = "a setting that is to differ"
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="changes", help=about
    )
    parser.add_argument("--name", default="", help="what to call it (default: as the other)")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.queue import duplicate
    from jobs.recipe import pairs

    id = duplicate(options.id, pairs(options.changes), name=options.name)
    print_json({"id": id}) if options.json else print(id)
