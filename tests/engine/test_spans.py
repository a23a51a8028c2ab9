"""Spans stand where they say, never overlap, and find what people ask for."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.spans import Span, spans

KINDS = {"when", "quantity", "why", "term", "name", "phrase"}
SENTENCES = (
    "Apollo 11 was launched from Florida on 16 July 1969.",
    "On April 12, 1981, Columbia flew for the first time.",
    "Olympus Mons is 22 kilometres high, and about 3.5 million years old.",
    "The mirror was replaced because its edge was too flat.",
    "Neil Armstrong was the first person to walk on the Moon.",
    "The thick air of Titan is made mostly of nitrogen.",
    "Henry II of England met Ludwig van Beethoven at Cape Canaveral.",
)
pieces = st.sampled_from(
    [*" ".join(SENTENCES).split(), "the", "of", ",", ".", "—", "20%", "$5", "U.S.", "’s", "\n"]
)


def found(sentence: str) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for span in spans(sentence):
        by_kind.setdefault(span.kind, []).append(span.text)
    return by_kind


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=25).map(" ".join) | st.text(max_size=60))
def test_spans_are_pieces_of_the_sentence_and_do_not_overlap(sentence: str) -> None:
    made = spans(sentence)
    for span in made:
        assert span.text and span.text == sentence[span.start : span.end].replace("\n", " ")
        assert span.text == span.text.rstrip(" .,'")
        assert span.kind in KINDS
        assert len(span.text.split()) <= 14
    ordered = sorted(made, key=lambda span: span.start)
    assert all(one.end <= other.start for one, other in pairwise(ordered))
    assert made == spans(sentence)


@pytest.mark.parametrize(
    ("sentence", "kind", "texts"),
    [
        (SENTENCES[0], "when", ["16 July 1969"]),
        (SENTENCES[0], "name", ["Apollo 11", "Florida"]),
        (SENTENCES[1], "when", ["April 12, 1981"]),
        (SENTENCES[2], "quantity", ["22 kilometres high", "3.5 million years old"]),
        (SENTENCES[3], "why", ["its edge was too flat"]),
        (SENTENCES[4], "name", ["Neil Armstrong", "Moon"]),
        (SENTENCES[6], "name", ["Henry II of England", "Ludwig van Beethoven", "Cape Canaveral"]),
        ("It fell in 1655 and rose again in May 2005.", "when", ["1655", "May 2005"]),
        (
            "It took 20% of the budget and has twelve engines.",
            "quantity",
            ["20% of the budget", "twelve engines"],
        ),
        ("It was lost due to a broken antenna.", "why", ["a broken antenna"]),
        ("It was lost due to a\nbroken antenna.", "why", ["a broken antenna"]),
        (
            "Add `mut` before `s`, or run `cargo init`, as the _module tree_ says.",
            "term",
            ["mut", "cargo init", "module tree"],
        ),
        ("We saw this in Listing 7-10 and in Chapter 5, with 1,070 others.", "quantity", ["1,070 others"]),
        ("The walk took 2 hours and 31 minutes, at most 3 miles.", "quantity", ["at most 3 miles"]),
        ("It flew from Japan, China and Korea to Arles with a Dutch spyglass.", "name", ["Arles"]),
    ],
)
def test_what_people_ask_for_is_found(sentence: str, kind: str, texts: list[str]) -> None:
    assert found(sentence)[kind] == texts


def test_phrases_are_found_between_function_words_and_not_where_a_verb_leads() -> None:
    assert found("The rings consist of ice particles.")["phrase"] == ["rings consist of ice particles"]
    assert found("It lies near the wrong shape.")["phrase"] == ["the wrong shape"]
    assert "phrase" not in found("It was carried slowly.")


def test_the_first_rule_that_takes_a_place_keeps_it() -> None:
    """1969 is part of the date and no quantity; the reason holds no phrase of its own."""
    assert spans("It was on 16 July 1969.") == [Span("16 July 1969", 10, 22, "when")]
    assert "quantity" not in found("They left on 16 July 1969.")
    assert [span.kind for span in spans(SENTENCES[3]) if span.start > 20] == ["why"]


def test_the_word_that_starts_a_sentence_is_no_name_alone() -> None:
    assert "name" not in found("Nobody knows it.")
    assert found("Titan Two knows it.")["name"] == ["Titan Two"]


def test_nothing_to_ask_for_gives_no_spans() -> None:
    assert spans("") == []
    assert spans("It is.") == []


@pytest.mark.parametrize(
    "text", ["A" * 5000, "Aa-" * 3000, "Aa " * 3000, "1," * 3000, "of the " * 1500, "ab " * 3000]
)
def test_a_long_sentence_takes_no_long_time(text: str) -> None:
    begun = time.process_time()
    spans(text)
    assert time.process_time() - begun < 2
