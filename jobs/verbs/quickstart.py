"""`python -m jobs quickstart`: documents in, the table out."""

import argparse
import sys

from jobs.options import add_json, add_options, from_options, print_json
from jobs.specs import QuickstartSpec
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    about = "documents in, the table out"
    parser = commands.add_parser("quickstart", help=about, description=QuickstartSpec.__doc__)
    add_options(parser, QuickstartSpec)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    spec = from_options(options, QuickstartSpec)
    from jobs.quickstart import run

    result = run(spec)
    if options.json:
        print_json(result)
        return
    print(f"\n{result['table']}\n")
    for sentence in result["sentences"]:
        print(sentence)
    print(f"\nThe report: {result['report']} (report.md, report.csv, report.html)")
    print(f'Ask it:     {sys.executable} -m jobs ask "YOUR QUESTION" --name {result["name"]}')
