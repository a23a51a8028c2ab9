"""`python -m jobs logs ID`: what a job's process said."""

import argparse
import sys
import time

from jobs.verbs import Commands

EVERY = 0.3


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("logs", help="print a job's log")
    parser.add_argument("id", help="the job's id")
    parser.add_argument("-f", "--follow", action="store_true", help="go on printing until the job has ended")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.queue import found, log, opened

    with opened() as db:
        place, read = log(found(db, options.id)), 0
        while True:
            ended = found(db, options.id)["state"] not in ("queued", "running", "interrupted")
            if place.is_file():
                with place.open("rb") as file:
                    file.seek(read)
                    said = file.read()
                read += len(said)
                sys.stdout.write(said.decode("utf-8", errors="replace"))
                sys.stdout.flush()
            if ended or not options.follow:
                return
            time.sleep(EVERY)
