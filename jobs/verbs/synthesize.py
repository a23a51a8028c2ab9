"""`python -m jobs synthesize --name NAME --target N`: write training questions from a dataset's documents."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands

SETTINGS = ("writer", "target", "write_seconds", "k", "device", "seed")


def add(commands: Commands) -> None:
    """Add the command."""
    about = "write training questions from a dataset's documents"
    parser = commands.add_parser("synthesize", help=about, description=f"{about}, and keep those that pass")
    parser.add_argument(
        "--name", required=True, help="the dataset: its name or id, or a sample (space, handbook)"
    )
    for setting in SETTINGS:
        about = f"the setting {setting}; `submit synthesize --settings` says what it takes"
        parser.add_argument(f"--{setting.replace('_', '-')}", dest=setting, default=None, help=about)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.artifact import read_manifest
    from engine.data.synthesize import KEPT
    from jobs.foreground import indexed, run
    from jobs.workspace import checked_name

    indexed(checked_name(options.name))
    fields = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    place, _ = run("synthesize", {"dataset": options.name, "write_seconds": 300, **fields}, options.name)
    assert place
    made = read_manifest(place)
    counts, reworded = made["counts"], made["reworded"]
    told = {
        "name": options.name,
        "questions": place.name,
        "kept": counts.get(KEPT, 0),
        "dropped": {reason: count for reason, count in counts.items() if reason != KEPT},
        "reworded": reworded,
        "calls": sum(counts.values()),
        "seconds": round(made["seconds"], 1),
    }
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
