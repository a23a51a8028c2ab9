"""`python -m jobs worker`: run what is in the queue."""

import argparse

from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("worker", help="run the jobs of the queue, one a device")
    parser.add_argument("--until-idle", action="store_true", help="end when nothing is left to do")
    parser.add_argument("--stand-by", action="store_true", help="if another worker runs, wait for its end")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.shift import work

    work(options.until_idle, stand_by=options.stand_by)
