"""`python -m jobs export --name NAME --format trl|sft|jsonl`: write training data for other tools."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    about = "write training data as other tools take it"
    parser = commands.add_parser("export", help=about, description=f"{about}: JSONL, and a datasets folder")
    parser.add_argument("--name", required=True, help="a dataset (name or id), or the id of pairs")
    formats = "trl: pairs and chats; sft: training rows as they are served; jsonl: the records as they are"
    parser.add_argument("--format", choices=("trl", "sft", "jsonl"), default="jsonl", help=formats)
    parser.add_argument("--out", default="", help="the folder to write (default: NAME-FORMAT)")
    parser.add_argument("--model", default="", help="sft: the model whose tokenizer renders the rows")
    parser.add_argument("--limit", type=int, default=0, help="sft: at most so many questions (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="sft: seed of what is drawn (default: 0)")
    about = (
        "sft: of how many questions a row of each kind is made: focused, joint, withheld, closed_book, and "
        "noised for copies in near words, such as joint=1,withheld=0.3; or `training`: as in its training "
        "(default: as in RAFT, most with distractors, some without the answer)"
    )
    parser.add_argument("--shares", default="", help=about)
    about = "trl: only pairs that a person accepted (those that one rejected are never written)"
    parser.add_argument("--accepted", action="store_true", help=about)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from pathlib import Path

    from engine.catalog import SMALL
    from engine.errors import ConfigError
    from jobs.exporting import KINDS, run
    from jobs.workspace import checked_name

    if options.limit < 0:
        raise ConfigError(f"--limit {options.limit} cannot be used: give a number from 1 on, or 0 for all.")
    out = Path(options.out or f"{checked_name(options.name)}-{options.format}")
    told = run(
        options.name,
        options.format,
        out,
        options.model or SMALL,
        options.limit,
        options.seed,
        options.accepted,
        options.shares,
    )
    if options.json:
        print_json(told)
        return
    for name, rows in told["rows"].items():
        print(f"{rows} rows: {out / name}.jsonl")
    if "preview" in told:
        shown = "".join(f"\033[1m{text}\033[0m" if learned else text for text, learned in told["preview"])
        for kind, count in told["kinds"].items():
            print(f"{count:>8} {kind} ({told['share_of_rows'][kind]:.0%}): {KINDS[kind]}")
        asked = ", ".join(f"{name} {share:g}" for name, share in told["shares"].items())
        print(f"made of the questions in these shares: {asked}")
        print(f"{told['tokens']} tokens, the loss counts {told['learned']}; the first row, learned in bold:")
        print(shown)
