"""`python -m jobs split --name NAME`: divide a dataset's questions into train, dev and test."""

import argparse

from jobs.options import add_json, add_kinds, print_json, settings
from jobs.verbs import Commands

OTHERWISE = ("dataset", "name")  # named by options of the command's own


def add(commands: Commands) -> None:
    """Add the command."""
    about = "divide a dataset's questions into train, dev and test, into a new dataset"
    parser = commands.add_parser(
        "split", help=about, description=f"{about}; leaks between them are taken out"
    )
    parser.add_argument("--name", required=True, help="the dataset to divide: its name or id")
    parser.add_argument("--as", dest="made", default="", help="the new dataset's name (default: NAME-split)")
    add_kinds(parser, "split", skip=OTHERWISE)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.artifact import read_manifest
    from engine.data import dataset
    from jobs.foreground import run
    from jobs.workspace import checked_name

    fields = settings(options, "split") | {"dataset": checked_name(options.name), "name": options.made}
    place, job = run("split", fields, options.made or f"{options.name}-split"[:64])
    assert place
    made, questions = read_manifest(place), dataset.load(place).questions
    counts = {part: sum(q.split == part for q in questions) for part in ("train", "dev", "test")}
    if options.json:
        print_json(
            {
                "name": made["name"],
                "dataset": place.name,
                **counts,
                "leaks": made["leaks"],
                "frozen": made["frozen"],
            }
        )
        return
    print(f"{made['name']}: {job.said}")
