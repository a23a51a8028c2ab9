"""`python -m jobs import PATH`: read documents and questions into a dataset."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    about = "read documents and questions into a dataset"
    parser = commands.add_parser("import", help=about, description=about)
    what = "a file or folder (.md .txt .html .pdf .docx .csv .jsonl .json .zip), or a sample"
    parser.add_argument("path", help=what)
    parser.add_argument("--name", default="", help="the dataset's name (default: made of the path)")
    parser.add_argument("--questions", default="", help="a file or folder of questions about the documents")
    parser.add_argument(
        "--columns", default="", help="which column is what, such as question=Frage,answers=Antwort"
    )
    about = "encoding of the texts that are not UTF-8, such as cp1250 (default: guessed, and said so)"
    parser.add_argument("--encoding", default="", help=about)
    parser.add_argument("--url", action="store_true", help="let PATH be a web address; public ones only")
    parser.add_argument("--preview", action="store_true", help="show the columns and a guess, import nothing")
    parser.add_argument("--seed", default="0", help="seed of the division into dev and test (default: 0)")
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.artifact import read_manifest
    from engine.data import dataset
    from jobs.foreground import run
    from jobs.kinds.import_ import name_of
    from jobs.workspace import checked_name

    if options.preview:
        _preview(options)
        return
    name = checked_name(options.name or name_of(options.path))
    fields = {"documents": options.path, "name": name, "url": options.url}
    fields |= {key: getattr(options, key) for key in ("questions", "columns", "encoding", "seed")}
    place, _ = run("import", fields, name)
    assert place
    made, corpus = read_manifest(place), dataset.load(place)
    rejected = [{"file": one.file, "row": one.row, "reason": one.reason} for one in corpus.rejected]
    if options.json:
        notes = [{"file": one.file, "note": one.note} for one in corpus.notes]
        counts = {key: made[key] for key in ("documents", "questions", "chats", "pairs")}
        print_json({"name": name, "dataset": place.name, **counts, "rejected": rejected, "notes": notes})
        return
    print(f"{name}: {made['documents']} documents, {made['questions']} questions, {len(rejected)} rejected")
    print(f"All reasons: {place / dataset.REJECTED}")


def _preview(options: argparse.Namespace) -> None:
    from pathlib import Path

    from engine.data.load import preview

    found = preview(Path(options.path), encoding=options.encoding)
    if options.json:
        print_json({"columns": found.columns, "guess": found.guess, "rows": found.rows})
        return
    print("columns: " + (", ".join(found.columns) or "none (this file has no rows with columns)"))
    if found.guess:
        print("--columns " + ",".join(f"{name}={column}" for name, column in found.guess.items()))
