"""A doubt names what is missing and the bullet it is missing from, and nothing that stands there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inference.doubt import REASONS, SHOWN, missing, weakest
from engine.inference.trace import Answer, Bullet

TEXTS = (
    "Neil Armstrong was the first person to walk on the Moon.",
    "Apollo 11 was launched from Florida on 16 July 1969.",
    "The Moon is 3,474 kilometres wide.",
)
BULLETS = tuple(Bullet(number, text, "apollo", 0, 0, len(text), 1.0) for number, text in enumerate(TEXTS, 1))


def said(text: str, *citations: int) -> Answer:
    return Answer(text, text, False, citations)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (said("1968", 2), "the year 1968 is not in bullet 2"),
        (said("on 16 July 1968.", 2), "the year 1968 is not in bullet 2"),
        (said("3,475 kilometres", 3), "the number 3,475 is not in bullet 3"),
        (said("16.5", 1, 2), "the number 16.5 is not in bullets 1 and 2"),
        (said("Buzz Aldrin", 1), "the name Buzz is not in bullet 1"),
        (said("Neil Aldrin", 1), "the name Aldrin is not in bullet 1"),
        (said("1969", 1), "the year 1969 is not in bullet 1"),
        (said("1967"), "the year 1967 is not in any bullet"),
        (said("from a boat", 2), "the word “boat” is not in bullet 2"),
        (said("by swimming very far", 1, 2, 3), "“by swimming very far” is not in bullets 1, 2 and 3"),
    ],
)
def test_what_is_missing_is_named(answer: Answer, sentence: str) -> None:
    assert missing(answer, BULLETS) == sentence


@given(st.text(max_size=300), st.lists(st.integers(1, 5), max_size=3, unique=True))
def test_it_is_one_sentence_of_bounded_length_for_any_text(text: str, citations: list[int]) -> None:
    sentence = missing(said(text, *citations), BULLETS)
    assert re.search(r" is not in (any bullet|bullets? \d.*)$", sentence)
    assert len(missing(said("x" * 10_000, 1), BULLETS)) < SHOWN + 40


def test_the_lowest_part_with_a_reason_is_the_weakest() -> None:
    assert weakest({"peer": 0.4, "answerable": 0.3, "unheard of": 0.0}) == REASONS["answerable"]
    assert weakest({}) == "too little speaks for it"
