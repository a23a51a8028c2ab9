"""`python -m jobs clean --name NAME`: leave out duplicates, boilerplate and poor text."""

import argparse

from jobs.options import add_json, add_kinds, print_json, settings
from jobs.verbs import Commands

OTHERWISE = ("dataset", "name")  # named by options of the command's own


def add(commands: Commands) -> None:
    """Add the command."""
    about = "leave out duplicates, boilerplate and poor text, into a new dataset"
    parser = commands.add_parser("clean", help=about, description=f"{about}; the one it is made of stays")
    parser.add_argument("--name", required=True, help="the dataset to clean: its name or id")
    parser.add_argument(
        "--as", dest="made", default="", help="the clean dataset's name (default: NAME-clean)"
    )
    add_kinds(parser, "clean", skip=OTHERWISE)
    parser.add_argument("--report", default="", metavar="FILE.md", help="also write a page of what it did")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from pathlib import Path

    from jobs.data_report import cleaned, write
    from jobs.foreground import run
    from jobs.kinds.clean import LOST, REMOVED, REPORT, read_report
    from jobs.workspace import checked_name

    fields = settings(options, "clean") | {"dataset": checked_name(options.name), "name": options.made}
    place, job = run("clean", fields, options.made or f"{options.name}-clean"[:64])
    assert place
    told = read_report(place)
    if options.report:
        write(Path(options.report), cleaned(place, options.line))
    if options.json:
        print_json({"name": job.name, "dataset": place.name, **told})
        return
    print(f"{told['documents']['kept']} documents kept, {told['documents']['removed']} left out")
    asked = told["questions"]
    if asked["moved"] or asked["removed"]:
        print(
            f"{asked['kept']} questions kept, {asked['moved']} of them about a document that says the same, "
            f"{asked['removed']} left out with their documents"
        )
    for step in told["steps"]:
        print(f"{step['filter']:<12} changed {step['changed']:>6}  left out {step['removed']:>6}")
        for example in step["examples"][:2]:
            print(f"             {example['id']}: {example['after']}")
    gone = [place / name for name in (REMOVED, LOST) if (place / name).is_file()]
    print(f"Everything: {place / REPORT}, what was left out: {', '.join(map(str, gone))}")
