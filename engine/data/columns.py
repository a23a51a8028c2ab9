"""Which column is what: a mapping from the lab's field names to a file's own, guessed from names and values,
checked against the rows it is used on. Knows no file format.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from engine.errors import ConfigError

FIELDS = {
    "question": "the question",
    "answers": "its short answers",
    "text": "a document's or passage's text",
    "title": "the title of that text",
    "id": "the row's own id",
    "document": "the id of the document that answers",
    "evidence": "the sentence that answers",
    "split": "dev, test or train",
    "messages": "a chat: a list of role and content",
    "prompt": "what is asked, of a chat or a preference",
    "completion": "what is to be answered",
    "chosen": "the better answer",
    "rejected": "the worse answer",
}
SYNONYMS = {
    "question": "question question_text query ask frage pregunta domanda q",
    "answers": "answers answer golds gold output label reply antwort respuesta reponse a target",
    "text": "text context paragraph_text passage contents content body document_text article passages",
    "title": "title title_text name heading subject headline titel",
    "id": "id example_id _id uid qid row_id key",
    "document": "document doc_id document_id doc",
    "evidence": "evidence supporting_sentence support",
    "split": "split fold",
    "messages": "messages conversations conversation chat",
    "prompt": "prompt instruction input",
    "completion": "completion response",
    "chosen": "chosen preferred win better",
    "rejected": "rejected dispreferred lose worse",
}
ASKED, FILLED, LONG = 0.6, 0.5, 150


class Preview(NamedTuple):
    """The first rows of a file: its columns in order, the rows, and the mapping guessed from both."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    guess: dict[str, str]


def check(mapping: Mapping[str, str]) -> None:
    """Raise ConfigError for a mapping that makes no sense whatever the file: an unknown field, one column
    twice, or nothing in it that a row could be."""
    for name in mapping:
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, 1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise ConfigError(f"There is no field {name!r} to map to{hint} Fields are {', '.join(FIELDS)}.")
    columns = list(mapping.values())
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        names = " and ".join(name for name, column in mapping.items() if column == twice)
        raise ConfigError(f"The column {twice!r} cannot be {names} at once: map each to its own column.")
    whole = ({"question"}, {"text"}, {"messages"}, {"prompt", "completion"}, {"chosen", "rejected"})
    if mapping and not any(needed <= mapping.keys() for needed in whole):
        raise ConfigError(
            "The mapping names neither question, text, messages, prompt with completion nor chosen with "
            "rejected: nothing could be made of a row."
        )


def written(mapping: Mapping[str, str]) -> str:
    """A mapping as `parsed` reads it: `question=Frage`, or JSON where a column's name needs it."""
    plain = all(
        column == column.strip() and "," not in column and not column.startswith("{")
        for column in mapping.values()
    )
    if plain:
        return ",".join(f"{name}={column}" for name, column in mapping.items())
    return json.dumps(mapping, ensure_ascii=False)


def parsed(text: str) -> dict[str, str]:
    """A mapping written as `question=Frage,answers=Antwort`, or as a JSON object (for columns with a comma in
    their names). Raises ConfigError if it is not."""
    mapping: dict[str, str] = {}
    if text.lstrip().startswith("{"):
        try:
            mapping = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"The mapping is no JSON object ({error}): write field=column.") from None
        if not all(isinstance(column, str) and column for column in mapping.values()):
            raise ConfigError("Every field of the mapping has to name one column, as a text.")
        check(mapping)
        return mapping
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, column = (word.strip() for word in part.partition("="))
        if not equals or not name or not column:
            raise ConfigError(f"{part!r} is no mapping: write field=column, such as question=Frage.")
        if name in mapping:
            raise ConfigError(f"The field {name!r} is mapped twice: name one column.")
        mapping[name] = column
    check(mapping)
    return mapping


def renamed(row: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any] | None:
    """The row with the lab's field names, other columns left out; None if it has none of the mapped columns.
    A column such as `data.question` reaches into an object."""
    if not mapping:
        return dict(row)
    found = {name: _reach(row, column) for name, column in mapping.items()}
    known = {name: value for name, value in found.items() if value is not _MISSING}
    return known or None


_MISSING = object()


def _reach(row: Mapping[str, Any], column: str) -> Any:
    value: Any = row
    if column in row:
        return row[column]
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def guess(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """A mapping for these columns: by their names, then by what stands in them (questions end with a question
    mark, texts are long)."""
    plain = {column: "_".join(column.strip().casefold().replace("-", " ").split()) for column in columns}
    found: dict[str, str] = {}
    for name, words in SYNONYMS.items():
        for word in words.split():
            if column := next((c for c in columns if plain[c] == word and c not in found.values()), None):
                found[name] = column
                break
    values = {
        column: [str(row[column]).strip() for row in rows if isinstance(row.get(column), str | int | float)]
        for column in columns
        if column not in found.values()
    }
    if not found.keys() & {"question", "messages", "prompt", "chosen"}:
        asked = {
            column: sum(text.endswith("?") for text in texts) / len(texts)
            for column, texts in values.items()
            if texts
        }
        if asked and max(asked.values()) >= ASKED:
            found["question"] = max(asked, key=lambda column: asked[column])
    if "text" not in found and not found.keys() & {"messages", "prompt", "chosen"}:
        length = {
            c: sum(map(len, texts)) / len(texts)
            for c, texts in values.items()
            if texts and c not in found.values()
        }
        if length and max(length.values()) >= LONG:
            found["text"] = max(length, key=lambda column: length[column])
    return found


def hint(columns: Sequence[str]) -> str:
    """What columns there are, for an error; and how to say which is what where that can be guessed."""
    shown = ", ".join(name[:40] for name in columns[:8])
    mapping = guess(columns[:100], ())
    try:
        check(mapping)
    except ConfigError:
        mapping = {}
    said = f"; say which is what, such as {written(mapping)}" if mapping else ""
    return f"it has: {shown}{said}"
