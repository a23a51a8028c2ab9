"""`python -m jobs publish`: an experiment as a Space that others can ask."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("publish", help="write an experiment as a Space, and push it if wanted")
    parser.add_argument("--space", required=True, metavar="FOLDER", help="where to write the Space")
    parser.add_argument("--name", default="space", help="the experiment's name (default: space)")
    parser.add_argument(
        "--push", metavar="REPO", help="upload it to this Space (owner/name), with the token in HF_TOKEN"
    )
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    import sys
    from pathlib import Path

    from jobs.publish import publish, push

    folder = Path(options.space).expanduser().resolve()
    made = publish(folder, options.name, lambda words: print(words, file=sys.stderr))
    made |= {"folder": str(folder)}
    if options.push:
        made["url"] = push(folder, options.push)
    if options.json:
        print_json(made)
        return
    size = f"{made['files']} files, {made['bytes'] / 1e6:.0f} MB"
    print(f"{made['folder']}: {size}, with the documents' text in it.")
    for warning in made["warnings"]:
        print(f"Note: {warning}")
    print(f"Try it: cd {made['folder']} && python main.py" if not options.push else f"Pushed: {made['url']}")
