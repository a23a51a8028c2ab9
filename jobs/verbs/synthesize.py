"""`python -m jobs synthesize --name NAME --target N`: write training questions from a dataset's documents."""

import argparse
import time

from jobs.options import add_json, add_kinds, print_json, settings
from jobs.verbs import Commands

OTHERWISE = ("dataset", "index", "base_url", "model")  # named by options of the command's own, or found
USUAL = {"write_seconds": 300}


def add(commands: Commands) -> None:
    """Add the command."""
    about = "write training questions from a dataset's documents"
    parser = commands.add_parser("synthesize", help=about, description=f"{about}, and keep those that pass")
    parser.add_argument(
        "--name", required=True, help="the dataset: its name or id, or a sample (space, handbook)"
    )
    parser.add_argument(
        "--teacher", default="", help="a server that writes instead: http://127.0.0.1:8000/v1"
    )
    parser.add_argument("--model", default="", help="the server's model")
    add_kinds(parser, "synthesize", "compose", skip=OTHERWISE, usual=USUAL)
    parser.add_argument("--report", default="", metavar="FILE.md", help="also write a page with rows to read")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from pathlib import Path

    from engine.artifact import read_manifest
    from engine.data.sift import KEPT
    from jobs.data_report import synthesized, write
    from jobs.foreground import indexed, run
    from jobs.workspace import checked_name

    indexed(checked_name(options.name))
    begun = time.monotonic()
    if options.teacher:
        server = {"base_url": options.teacher, "model": options.model}
        fields = settings(options, "compose") | server
        place, _ = run("compose", fields | {"dataset": options.name}, options.name)
    else:
        fields = settings(options, "synthesize", USUAL)
        place, _ = run("synthesize", fields | {"dataset": options.name}, options.name)
    assert place
    made = read_manifest(place)
    spent = made.get("spent") or {}
    counts, reworded = made["counts"], made["reworded"]
    told = {
        "name": options.name,
        "questions": place.name,
        "kept": counts.get(KEPT, 0),
        "dropped": {reason: count for reason, count in counts.items() if reason != KEPT},
        "reworded": reworded,
        "calls": spent.get("calls", sum(counts.values())),
        "seconds": round(made["seconds"] or time.monotonic() - begun, 1),
    } | ({"spent": spent} if spent else {})
    if options.report:
        write(Path(options.report), synthesized(place, options.line, options.name))
    if options.json:
        print_json(told)
        return
    print(
        f"{told['kept']} kept of {told['calls']} written, {reworded.get(KEPT, 0)} rewordings, "
        f"{told['seconds']} s"
    )
    for reason, count in sorted(told["dropped"].items(), key=lambda one: -one[1]):
        print(f"{count:>6}  {reason}")
    print(f"The questions: {place / 'questions.jsonl'}")
