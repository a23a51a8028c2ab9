"""Rows into documents and questions, whatever their fields are called. Knows no file format but the shape of
a row."""

from collections.abc import Iterator, Sequence
from typing import Any

from engine.data.chats import add_chat, is_chat
from engine.data.columns import hint
from engine.data.formats import Unusable, kind_of, normalise
from engine.data.records import Question
from engine.data.shelf import Place, Shelf

QUESTION = ("question", "question_text", "input", "query")
ANSWERS = ("answers", "answer", "original_nq_answers", "output", "golds")
TEXT = ("text", "context", "paragraph_text", "passage", "contents", "body", "passages")
TITLE = ("title", "title_text", "name")
ID = ("id", "example_id", "_id")
DOCUMENT = ("document", "doc_id", "document_id")
SPLITS = {
    "": "",
    "validation": "dev",
    "valid": "dev",
    "val": "dev",
    "dev": "dev",
    "test": "test",
    "train": "train",
}

MAX_NESTING = 8


def fits(header: Sequence[str]) -> bool:
    """Whether columns of these names make a row a question, a document, a chat or a preference."""
    names = {name.strip().casefold() for name in header}
    return bool(names.intersection(QUESTION + TEXT)) or is_chat(names)


def add_row(shelf: Shelf, row: dict[str, Any], place: Place, separator: str = "") -> None:
    """Add what one row holds: a question, a document, or a question and the passages that come with it.

    `separator` splits several answers in one text (CSV). Raises Unusable; a passage is kept even if its
    question is not.
    """
    row = {str(name).strip().casefold(): value for name, value in row.items()}
    identity = _label(row, ID)
    named = row.keys() & set(QUESTION) - ({"input"} if "instruction" in row else set())
    if row.keys() >= {"chosen", "rejected"} or (not named and is_chat(row)):
        add_chat(shelf, row, place, identity)
        return
    question = _question(row)
    passages = _passages(row)
    document = _label(row, DOCUMENT)
    if not question:
        if not passages:
            empty = [name for name in QUESTION + TEXT if name in row]
            raise Unusable(
                f"empty {empty[0]}" if empty else f"neither a question nor a text field; {hint(list(row))}"
            )
        wanted = (identity or document) if len(passages) == 1 else ""
        for title, text in passages:
            shelf.add_document(text, title, place, wanted)
        return
    found = [shelf.add_document(text, title, place, document, exact=False) for title, text in passages]
    split = _label(row, ("split",)).casefold()
    if split not in SPLITS:
        raise Unusable(f"split {split!r} is none of dev, test, train")
    shelf.add_question(
        Question(
            id=identity,
            question=question,
            answers=answers_of(row, separator),
            document=found[0] if found else document or None,
            evidence=normalise(_label(row, ("evidence",))),
            kind=_label(row, ("kind",)),
            split=SPLITS[split],
        ),
        place,
    )


def answers_of(row: dict[str, Any], separator: str = "") -> tuple[str, ...]:
    """The accepted answers of a row, in order, each once; none if its answers are empty or it is marked
    impossible.

    Raises Unusable if it has no answers field: not knowing the answer is not the same as there being none.
    """
    if str(row.get("is_impossible")).casefold() == "true":
        return ()
    values = [row[name] for name in ANSWERS if name in row]
    if not values:
        raise Unusable(
            "a question without an answers field; leave the field empty if the documents do not answer it"
        )
    value = next((value for value in values if value not in (None, "", [], {})), None)
    if separator and isinstance(value, str):
        value = value.split(separator)
    return tuple(dict.fromkeys(text for text in map(str.strip, strings(value)) if text))


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every answer in a nest of lists and of objects with "text", "string" or "answer". Raises Unusable on
    anything else."""
    if value is None:
        return
    if isinstance(value, str):
        yield normalise(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list) and depth < MAX_NESTING:
        for item in value:
            yield from strings(item, depth + 1)
    elif isinstance(value, dict) and depth < MAX_NESTING:
        named = [value[name] for name in ("text", "string", "answer") if name in value]
        if value and not named:
            raise Unusable("answers without a text, string or answer field")
        yield from strings(named, depth + 1)
    else:
        raise Unusable(f"the answers field holds {kind_of(value)} that is not read")


def _question(row: dict[str, Any]) -> str:
    for name in QUESTION:
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            raise Unusable(f"field {name!r} holds {kind_of(value)}, not a text")
        if value and value.strip():
            return normalise(value.strip())
    return ""


def _passages(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(title, text) of each passage of a row: one text, a list of texts, or a list of objects with title and
    text."""
    for name in TEXT:
        value = row.get(name)
        if not value or (isinstance(value, str) and not value.strip()):
            continue
        found = []
        for item in value if isinstance(value, list) else [value]:
            inner = item if isinstance(item, dict) else {"text": item}
            text = next((inner[key] for key in TEXT if inner.get(key)), "")
            if not isinstance(text, str):
                raise Unusable(f"field {name!r} holds {kind_of(item)}, not a text")
            if text.strip():
                found.append((_title(inner) or _title(row), text))
        return found
    return []


def _title(row: dict[str, Any]) -> str:
    titles = (row[name] for name in TITLE if isinstance(row.get(name), str))
    return next((" ".join(title.split()) for title in titles if title.strip()), "")


def _label(row: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise Unusable(f"field {name!r} holds {kind_of(value)}, neither a text nor a number")
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""
