"""Training data out of the lab: rows as they are served (prompt, completion), chats, preference pairs in
TRL's formats, or the plain records; as JSONL and as a folder of the datasets library. With a preview of the
exact tokens and of which of them the loss counts. Knows no dataset's place and no trainer.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from engine.artifact import write_lines
from engine.data.pairs import trl
from engine.data.records import Chat, Corpus, Pair
from engine.errors import DataError


class Piece(NamedTuple):
    """One token as text, and whether the loss counts it."""

    text: str
    learned: bool


def served(rows: Sequence[Any], tokenizer: Any) -> list[dict[str, str]]:
    """Rows of engine.training.examples as text: {"prompt", "completion", "kind"}. Tokenized again without
    added special tokens they are the tokens they were."""
    return [
        {
            "prompt": tokenizer.decode(row.prompt, skip_special_tokens=False),
            "completion": tokenizer.decode(row.completion, skip_special_tokens=False),
            "kind": row.kind,
        }
        for row in rows
    ]


def preview(row: Any, tokenizer: Any) -> list[Piece]:
    """Every token of a row in order; the loss counts the completion's only."""
    return [
        Piece(tokenizer.decode([token], skip_special_tokens=False), learned)
        for tokens, learned in ((row.prompt, False), (row.completion, True))
        for token in tokens
    ]


def chats(found: Sequence[Chat]) -> list[dict[str, Any]]:
    """Rows of TRL's conversational prompt and completion format: the loss is on the last turn."""
    return [
        {
            "prompt": [message._asdict() for message in chat.messages[:-1]],
            "completion": [chat.messages[-1]._asdict()],
        }
        for chat in found
    ]


def preferences(found: Sequence[Pair]) -> list[dict[str, Any]]:
    """Rows of TRL's conversational preference format."""
    return [trl(pair) for pair in found]


def plain(corpus: Corpus) -> dict[str, list[dict[str, Any]]]:
    """The records as they are, by name, those that there are."""
    kinds: dict[str, tuple[Any, ...]] = {
        "documents": corpus.documents,
        "questions": corpus.questions,
        "chats": corpus.chats,
        "pairs": corpus.pairs,
    }
    return {name: [asdict(record) for record in records] for name, records in kinds.items() if records}


def write(folder: Path, name: str, rows: Sequence[dict[str, Any]], library: bool = True) -> None:
    """Write `name`.jsonl, and for `library` the same rows as the folder `name` that datasets.load_from_disk
    reads. Raises DataError when there are none, or they cannot be written."""
    if not rows:
        raise DataError(f"There is nothing to export as {name}: import or make it first.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_lines(folder / f"{name}.jsonl", rows)
        if library:
            from datasets import Dataset

            made = folder / f".{name}.part"
            Dataset.from_list(list(rows)).save_to_disk(str(made))
            shutil.rmtree(folder / name, ignore_errors=True)
            made.rename(folder / name)
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"Nothing can be written into {folder} ({why}): name another folder.") from error
