"""`python -m jobs pairs --name NAME`: make preference pairs from votes, escalations, samples or a teacher."""

import argparse

from jobs.options import add_json, add_kinds, print_json, settings
from jobs.verbs import Commands

OTHERWISE = ("experiment",)  # named by options of the command's own


def add(commands: Commands) -> None:
    """Add the command."""
    about = "make preference pairs from votes, escalations, the model's own samples or a teacher"
    parser = commands.add_parser("pairs", help=about, description=about)
    parser.add_argument("--name", required=True, help="the experiment whose prompts and models are used")
    add_kinds(parser, "pairs", skip=OTHERWISE)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.artifact import read_manifest
    from jobs.foreground import run
    from jobs.workspace import checked_name

    name = checked_name(options.name)
    place, job = run("pairs", settings(options, "pairs") | {"experiment": name}, name)
    assert place
    made = read_manifest(place)
    if options.json:
        told = {"name": name, "pairs": place.name, "kept": made["pairs"], "counts": made["counts"]}
        print_json(told | ({"spent": made["spent"]} if "spent" in made else {}))
        return
    print(job.said)
    for reason, count in made["counts"].items():
        print(f"{count:>6}  {reason}")
    print(f"The pairs: {place / 'pairs.jsonl'}; as TRL takes them: export --name {place.name} --format trl")
