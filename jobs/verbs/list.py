"""`python -m jobs list`: the jobs of this workspace."""

import argparse
from typing import Any

from jobs.options import add_json, print_json
from jobs.verbs import Commands

PAGE, ALL = 50, 1_000_000
KEYS = (
    *(
        "id",
        "kind",
        "name",
        "state",
        "attempts",
        "priority",
        "runner",
        "parent",
        "needs",
        "progress",
        "error",
    ),
    *("artifact", "created_at", "started_at", "ended_at"),
)


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("list", help="list the jobs, newest first")
    parser.add_argument(
        "--state", help="only those that are queued, running, done, failed, cancelled, interrupted"
    )
    parser.add_argument("--kind", help="only those of a kind")
    parser.add_argument(
        "--limit", type=int, default=None, help="most jobs to list (default: 50; with --json all)"
    )
    parser.add_argument("--offset", type=int, default=0, help="newer jobs to leave out (default: 0)")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.errors import ConfigError
    from jobs.queue import opened
    from storage import jobs

    if options.state is not None and options.state not in jobs.STATES:
        raise ConfigError(f"There is no state {options.state!r}: use one of {', '.join(jobs.STATES)}.")
    limit = options.limit if options.limit is not None else ALL if options.json else PAGE
    if not 1 <= limit <= ALL or not 0 <= options.offset <= ALL:
        raise ConfigError(f"--limit has to be from 1 to {ALL:,}, and --offset from 0 on, up to as much.")
    with opened() as db:
        rows = jobs.listed(db, state=options.state, kind=options.kind, limit=limit, offset=options.offset)
    if options.json:
        print_json([{name: row[name] for name in KEYS} for row in rows])
        return
    for row in rows:
        print(line(row))
    if not rows and (options.state or options.kind or options.offset):
        print("No such jobs. All there are:  python -m jobs list")
    elif not rows:
        print("No jobs. Queue one with  python -m jobs submit ablation")


def line(row: dict[str, Any]) -> str:
    """A job in one line."""
    said = row["error"] or ""
    if row["state"] == "running" and (progress := row["progress"]):
        said = f"{progress['stage']} {progress['done']}/{progress['total']} {progress['unit']}"
    elif row["state"] == "done" and row["progress"]:
        said = row["progress"]["note"]
    return f"{row['id']:<20} {row['state']:<11} {row['name']:<20} {said}".rstrip()
