"""`python -m jobs submit KIND`: put a job in the queue."""

import argparse
from pathlib import Path

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    about = "put a job in the queue"
    parser = commands.add_parser("submit", help=about, description=f"{about}; a worker runs it")
    parser.add_argument("kind", help="import, index, synthesize, train, evaluate, ablation ...")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="a setting of its spec; `submit KIND --settings` lists them",
    )
    parser.add_argument("--spec", metavar="FILE.toml", help="a TOML file of settings; --set goes before it")
    parser.add_argument(
        "--needs", nargs="+", action="extend", default=[], metavar="ID", help="jobs to wait for"
    )
    parser.add_argument("--name", default="", help="what to call it (default: its dataset or experiment)")
    parser.add_argument("--priority", type=int, default=0, help="higher goes first (default: 0)")
    parser.add_argument("--runner", default="local", help="local, or ray for a Ray cluster (default: local)")
    parser.add_argument("--if-empty", action="store_true", help="only if this workspace has no job yet")
    parser.add_argument("--settings", action="store_true", help="list the kind's settings and queue nothing")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs import recipe
    from jobs.queue import submit, worker

    if options.settings:
        print(settings(options.kind))
        return
    if options.if_empty and (there := _any()):
        print_json({"id": there}) if options.json else print(f"This workspace has jobs already, as {there}.")
        return
    spec = recipe.read_toml(Path(options.spec)) if options.spec else {}
    id = submit(
        options.kind,
        spec | recipe.pairs(options.changes),
        needs=options.needs,
        name=options.name,
        priority=options.priority,
        runner=options.runner,
    )
    if options.json:
        print_json({"id": id})
        return
    print(id)
    if worker() is None:
        print("No worker runs here: start one with  python -m jobs worker")


def _any() -> str | None:
    from jobs.queue import opened
    from storage import jobs

    with opened() as db:
        rows = jobs.listed(db, limit=1)
    return rows[0]["id"] if rows else None


def settings(kind: str) -> str:
    """The settings of a kind, one a line."""
    from jobs.kinds import kind_of

    lines = []
    for name, field in kind_of(kind).Spec.model_fields.items():
        usual = "needed" if field.is_required() else f"default: {field.default!r}"
        lines.append(f"{name:<14} {field.description} ({usual})")
    return "\n".join(lines)
