"""`python -m jobs resume ID`: queue a job again that did not end well; it goes on from its checkpoint."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "resume", help="queue a failed, cancelled or interrupted job again; it goes on from its checkpoint"
    )
    parser.add_argument("id", help="the job's id")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.queue import resume

    row = resume(options.id)
    said = {"id": row["id"], "state": row["state"], "cancel_requested": row["cancel_requested"]}
    print_json(said) if options.json else print(f"{row['id']} is {row['state']}")
