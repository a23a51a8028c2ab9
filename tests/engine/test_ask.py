"""Asking with shared prefixes: the questions are those of plain decoding, whatever stands beside them."""

from typing import Any

import pytest

from engine.data.ask import LONGEST, Asked, Wish, ask
from engine.errors import ConfigError
from engine.inference.decode import decode
from engine.inference.prompt import ask_messages, prompt_ids
from tests.corpus import DOCUMENTS

WISHES = [
    Wish(("Neil Armstrong was the first person to walk on the Moon.",), ("Neil Armstrong", "the Moon")),
    Wish(("Mars has two small moons.",), ("two small moons",)),
    Wish(("Nothing is asked here.",), ()),
    Wish(
        (
            "The Hubble Space Telescope was carried into orbit by the shuttle Discovery in April 1990.",
            "Its main mirror was ground to the wrong shape.",
        ),
        ("April 1990", "Discovery", "the wrong shape"),
    ),
]


def plain(small: Any, wish: Wish) -> list[str]:
    prompts = [prompt_ids(small.tokenizer, ask_messages(wish.evidence, answer)) for answer in wish.answers]
    said = [one.text for one in decode(small, prompts, max_new_tokens=LONGEST)] if prompts else []
    return [text[: text.find("?") + 1] or text for text in said]


def test_the_questions_are_those_of_plain_decoding_in_order(small: Any) -> None:
    asked = ask(small, WISHES)
    assert [[one.text for one in rows] for rows in asked] == [plain(small, wish) for wish in WISHES]
    assert all(one.text.endswith("?") and one.logprob < 0 for rows in asked for one in rows)


def test_a_question_does_not_depend_on_what_is_asked_beside_it(small: Any) -> None:
    together = ask(small, WISHES)
    for wish, rows in zip(WISHES, together, strict=True):
        alone = ask(small, [wish])[0]
        assert [one.text for one in alone] == [one.text for one in rows]
        assert [one.logprob for one in alone] == pytest.approx([one.logprob for one in rows], abs=1e-3)


def test_a_question_begins_as_it_may_begin(small: Any) -> None:
    """A mark of doubt remains: the log-probability is that of the free choice."""
    free = ask(small, [Wish(("Mars has two small moons.",), ("two small moons",))])[0][0]
    bound = ask(small, [Wish(("Mars has two small moons.",), ("two small moons",), (("Where",),))])[0][0]
    assert not free.text.startswith("Where") and bound.text.startswith("Where")
    assert bound.logprob < free.logprob


def test_nothing_to_ask_is_nothing(small: Any) -> None:
    assert ask(small, []) == [] and ask(small, [Wish(("A sentence.",), ())]) == [[]]


def test_evidence_beyond_the_window_is_refused_in_one_sentence(small: Any) -> None:
    text = " ".join(document.text for document in DOCUMENTS) * 20
    with pytest.raises(ConfigError, match="does not fit bantam-small's window"):
        ask(small, [Wish((text,), ("the Moon",))])


def test_an_asked_question_is_one_line(small: Any) -> None:
    asked = ask(small, [Wish(("Asaph Hall found\nboth moons of Mars.",), ("Asaph Hall",))])[0][0]
    assert isinstance(asked, Asked) and asked.text == " ".join(asked.text.split())
