"""JSON out of what a model says: taken out of prose, fences and what it thought before, its usual slips put
right, checked against a schema.

Knows no model: what can't be put right comes back as a sentence that can be shown to one.
"""

import json
import re
from typing import Any, NamedTuple

MOST = 200_000
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.S | re.IGNORECASE)
_COMMA = re.compile(r",(\s*[}\]])")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "\u00a0": " "})


class Parsed(NamedTuple):
    """The value, or None and what is wrong with it."""

    value: Any
    wrong: str = ""


def parse(text: str, schema: dict[str, Any]) -> Parsed:
    """The first JSON value in `text` that fits `schema`; else what is wrong, in one sentence."""
    wrong = "it holds no JSON"
    said = text.rpartition("</think>")[2].lstrip()
    thinking = said.startswith("<think>")  # and cut off: what it tries out there is no answer
    for candidate in _candidates("" if thinking else said[:MOST]):
        for attempt in (candidate, _COMMA.sub(r"\1", candidate.translate(_QUOTES)), _closed(candidate)):
            try:
                value = json.loads(attempt, strict=False)
            except (ValueError, RecursionError) as error:
                wrong = f"it is broken JSON ({str(error)[:80]})"
                continue
            if not (wrong := complaint(value, schema)):
                return Parsed(value)
            break
    return Parsed(None, wrong)


def complaint(value: Any, schema: dict[str, Any]) -> str:
    """What of `value` does not fit `schema`; empty if all does."""
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where + ': ' if where else ''}{error.message[:160]}"


def _candidates(text: str) -> list[str]:
    """Pieces that could be JSON: the whole, what stands in fences, what starts at the first bracket."""
    found = [text.strip(), *(piece.strip() for piece in _FENCE.findall(text))]
    for opening in "{[":
        start = text.find(opening)
        if start >= 0:
            end = text.rfind("}" if opening == "{" else "]")
            found += [text[start : end + 1]] if end > start else []
            found.append(text[start:])
    return [piece for piece in dict.fromkeys(found) if piece[:1] in ("{", "[")]


def _closed(text: str) -> str:
    """`text` with the string and the brackets that a cut-off answer left open closed."""
    waiting: list[str] = []
    inside = escaped = False
    for letter in text:
        if inside:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                inside = False
        elif letter == '"':
            inside = True
        elif letter in "{[":
            waiting.append("}" if letter == "{" else "]")
        elif letter in "}]" and waiting:
            waiting.pop()
    ended = text.rstrip().rstrip("," if not inside else "")
    return ended + ('"' if inside else "") + "".join(reversed(waiting))
