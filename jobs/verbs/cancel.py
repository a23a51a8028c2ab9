"""`python -m jobs cancel ID`: ask a job to stop; it saves first."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands

SAID = {"running": " and was asked to stop"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("cancel", help="ask a job to stop; it saves first")
    parser.add_argument("id", help="the job's id")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.queue import cancel

    row = cancel(options.id)
    said = {"id": row["id"], "state": row["state"], "cancel_requested": row["cancel_requested"]}
    print_json(said) if options.json else print(f"{row['id']} is {row['state']}" + SAID.get(row["state"], ""))
