"""What a cleaning or a synthesis did, as a Markdown page for people: tables of what was kept and dropped, and
a few rows to read. Made by `clean --report FILE` and `synthesize --report FILE`.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from engine.artifact import read_lines, read_manifest
from engine.data.written import DROPPED
from engine.errors import ConfigError
from jobs.kinds.clean import read_lost, read_removed, read_report
from jobs.material import FILE, read_questions

ROWS, SOME, LETTERS = 20, 3, 240


def write(file: Path, text: str) -> None:
    """Write a page. Raises ConfigError where that can't be done."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The report cannot be written to {file} ({error.strerror}): name another."
        ) from None


def cleaned(place: Path, command: str) -> str:
    """The page of the clean dataset at `place`."""
    told, manifest = read_report(place), read_manifest(place)
    documents = told["documents"]
    lines = [f"# Clean report: {manifest['name']}", "", f"    {command}", ""]
    asked = told["questions"]
    lines += [f"{documents['kept']} documents kept, {documents['removed']} left out."]
    if asked["kept"] or asked["removed"]:
        lines += [f"{asked['kept']} questions kept, {asked['removed']} left out with their documents."]
    lines += [""]
    lines += _table(
        ("filter", "changed", "left out", "counts"),
        (
            (step["filter"], step["changed"], step["removed"], _counts(step["counts"]))
            for step in told["steps"]
        ),
    )
    for name, unit in (("letters", "letters, from"), ("quality", "quality, from")):
        lines += ["", f"## Documents by {name}", ""]
        after = dict(map(tuple, told["after"][name]))
        edges = ((edge, count, after.get(edge, 0)) for edge, count in told["before"][name])
        lines += _table((unit, "before", "after"), (row for row in edges if row[1] or row[2]))
    lines += ["", "## Examples", ""]
    for step in told["steps"]:
        for one in step["examples"][:3]:
            lines.append(
                f"- {step['filter']}, `{one['id']}`: {_code(one['before'])} became {_code(one['after'])}"
            )
    gone = list(islice(read_removed(place), ROWS))
    if gone:
        lines += ["", "## Left out", ""]
        lines += _table(
            ("document", "filter", "reason"), ((one["id"], one["filter"], one["reason"]) for one in gone)
        )
    lost = list(islice(read_lost(place), ROWS))
    if lost:
        lines += ["", "## Questions left out", ""]
        lines += _table(("question", "reason"), ((one["question"], one["reason"]) for one in lost))
    return "\n".join(lines) + "\n"


def synthesized(place: Path, command: str, name: str, seed: int = 0) -> str:
    """The page of the questions at `place`, written for the dataset `name`: kept and dropped, ROWS of those
    kept drawn by `seed`, and a few of each reason to drop."""
    manifest = read_manifest(place)
    counts, reworded = manifest["counts"], manifest.get("reworded") or {}
    questions = read_questions(place / FILE)
    lines = [f"# Synthesis report: {name}", "", f"    {command}", ""]
    lines += [
        f"{counts.get('kept', 0)} questions kept of {sum(counts.values())} written by {manifest['writer']}."
    ]
    lines += ["", "| what became of it | written | rewordings |", "|---|---:|---:|"]
    order = sorted({*counts, *reworded}, key=lambda name: (name != "kept", -counts.get(name, 0), name))
    lines += [f"| {name} | {counts.get(name, 0)} | {reworded.get(name, 0)} |" for name in order]
    kinds = Counter(question.kind for question in questions)
    lines += ["", "Kinds of those kept, rewordings too: " + _counts(dict(sorted(kinds.items()))) + "."]
    lines += ["", f"## {min(ROWS, len(questions))} rows, drawn by chance", ""]
    drawn = random.Random(seed).sample(range(len(questions)), min(ROWS, len(questions)))
    lines += _table(
        ("question", "answer", "kind", "evidence", "document"),
        (
            (q.question, "; ".join(q.answers) or "(none)", q.kind, q.evidence, q.document or "")
            for q in (questions[place] for place in sorted(drawn))
        ),
    )
    return "\n".join(lines + _dropped(place / DROPPED)) + "\n"


def _dropped(file: Path) -> list[str]:
    """The first few of each reason among the questions that were dropped."""
    if not file.is_file():
        return []
    shown: dict[str, list[dict[str, str]]] = {}
    for one in read_lines(file):
        if len(some := shown.setdefault(one["reason"], [])) < SOME:
            some.append(one)
    rows = ((one["reason"], one["question"], one["answer"]) for name in sorted(shown) for one in shown[name])
    return ["", "## Dropped, the first of each reason", "", *_table(("reason", "question", "answer"), rows)]


def _table(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    names = list(names)
    return [
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    text = text if len(text) <= LETTERS else text[: LETTERS - 3] + "..."
    return text.replace("|", "\\|").replace("<", "&lt;")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _code(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "`" in text else f"`{text}`"
