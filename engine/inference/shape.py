"""An answer in the format that was asked for: short with its citation, a sentence with citations, yes or
no with a reason, JSON by a schema. An answer without a valid citation is marked so.

The small models say short phrases; the formats are made of the phrase, its bullet and the question, so
that every tier can give every one. Writes nothing that is not in the answer or its bullet.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from engine.inference.spec import Shape
from engine.inference.trace import Answer, Bullet
from engine.retrieval.words import words

UNCITED = "(no valid citation)"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answer", "refused", "citations"],
    "additionalProperties": False,
    "properties": {
        "answer": {"type": ["string", "null"]},
        "refused": {"type": "boolean"},
        "cited": {"type": "boolean"},
        "citations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["number", "document", "text"],
                "additionalProperties": False,
                "properties": {
                    "number": {"type": "integer", "minimum": 1},
                    "document": {"type": "string"},
                    "text": {"type": "string"},
                },
            },
        },
    },
}
_YES, _NO = re.compile(r"^\W*(yes|true)\b", re.I), re.compile(r"^\W*(no|false)\b", re.I)
_NEGATION = re.compile(r"\b(no|not|never|none|nobody|neither|nor|without|cannot)\b|n[’']t\b", re.I)
_POLAR = re.compile(
    r"^\W*(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b", re.I
)


def shaped(answer: Answer, bullets: Sequence[Bullet], question: str, shape: Shape) -> str:
    """The answer as text of that shape (for "json" one object that fits SCHEMA)."""
    cited = [bullet for bullet in bullets if bullet.number in answer.citations]
    if shape == "json":
        return _json(answer, cited)
    if answer.refused:
        return answer.text
    marks = " ".join(f"[{bullet.number}]" for bullet in cited) if bullets else ""
    mark = marks or (UNCITED if bullets else "")
    if shape == "sentence" and cited:
        said = cited[0].text.strip()
        held = answer.text.lower() in said.lower()
        text = said if held else f"{_capital(answer.text)}. {said}"
        return f"{text.rstrip()} {mark}"
    if shape == "yes/no":
        reason = cited[0].text.strip() if cited else ""
        return " ".join(part for part in (f"{_polarity(answer, question, reason)}:", reason, mark) if part)
    return f"{answer.text} {mark}".rstrip()


def _polarity(answer: Answer, question: str, reason: str) -> str:
    """Yes or No as the answer says it. Where it does not, only where the cited bullet holds every name,
    number and other word of a question that can be answered so: No if one of them is what it denies, Yes if
    it denies nothing. In doubt, and for any other question, the answer's phrase: that a bullet does not speak
    of Galileo is no denial. Knows words, not who does what to whom."""
    if _YES.match(answer.text):
        return "Yes"
    if _NO.match(answer.text):
        return "No"
    asked = set(words(_POLAR.sub("", question)))
    if not _POLAR.match(question) or not asked or asked - set(words(reason)):
        return _capital(answer.text)
    denied = [words(reason[match.end() :])[:1] for match in _NEGATION.finditer(reason)]
    if not denied:
        return "Yes"
    return "No" if any(asked & set(one) for one in denied) else _capital(answer.text)


def _json(answer: Answer, cited: Sequence[Bullet]) -> str:
    return json.dumps(
        {
            "answer": None if answer.refused else answer.text,
            "refused": answer.refused,
            "cited": bool(cited),
            "citations": [
                {"number": bullet.number, "document": bullet.document, "text": bullet.text}
                for bullet in cited
            ],
        },
        ensure_ascii=False,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
