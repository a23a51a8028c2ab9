"""`python -m jobs show ID`: all there is to know about a job."""

import argparse
from typing import Any

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("show", help="show a job: state, progress, numbers, command and TOML")
    parser.add_argument("id", help="the job's id, as `list` shows it")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    result = described(options.id)
    print_json(result) if options.json else print(shown(result))


def described(id: str) -> dict[str, Any]:
    """A job as plain data."""
    from jobs import recipe
    from jobs.queue import found, log, opened
    from storage import metrics

    with opened() as db:
        row = found(db, id)
        numbers = metrics.latest(db, id)
    keys = (
        "id",
        "kind",
        "name",
        "state",
        "attempts",
        "max_attempts",
        "progress",
        "spec",
        "error",
        "artifact",
    )
    more = ("needs", "parent", "priority", "device", "runner", "created_at", "started_at", "ended_at")
    again = {"log": str(log(row)), "command": recipe.command(row), "toml": recipe.toml(row)}
    return {name: row[name] for name in keys + more} | {"metrics": numbers} | again


def shown(job: dict[str, Any]) -> str:
    """A job as a person reads it at a terminal."""
    progress = job["progress"] or {}
    lines = [
        f"{job['id']} ({job['kind']} of {job['name']}): {job['state']}, attempt {job['attempts']} of "
        f"{job['max_attempts']}"
    ]
    if job["error"]:
        lines.append(f"Why:       {job['error']}")
    if progress:
        eta = f", about {progress['eta']:.0f} s left" if progress.get("eta") else ""
        note = f" ({progress['note']})" if progress.get("note") else ""
        done = f"{progress['stage']} {progress['done']}/{progress['total']} {progress['unit']}"
        lines.append(f"Progress:  {done}{eta}{note}")
    lines += [f"{name:<10} {job[key]}" for name, key in (("Made:", "artifact"), ("Log:", "log")) if job[key]]
    if job["needs"]:
        lines.append(f"Needs:     {', '.join(job['needs'])}")
    lines += [f"{name:<32} {value}" for name, value in job["metrics"].items()]
    return "\n".join([*lines, "", "Again:", f"    {job['command']}", "", job["toml"].rstrip()])
