"""`python -m jobs run ID`: run one job of the queue in this process."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("run", help="run one job of the queue here, in this process")
    parser.add_argument("id", help="the job's id")
    parser.add_argument("--claim", type=int, default=None, help=argparse.SUPPRESS)  # given by the worker
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs import remote
    from jobs.child import run

    if remote.asked():
        remote.run()
        return
    row = run(options.id, options.claim)
    said = {"id": row["id"], "state": row["state"], "artifact": row["artifact"]}
    if options.json:
        print_json(said)
    elif options.claim is None:
        print(f"{row['id']} is {row['state']}: {row['artifact'] or 'nothing was made'}")
