"""Questions made of questions: over two passages, and without an answer."""

from typing import Any

import pytest

from engine.data.derive import two_hop, unanswerable
from engine.data.records import Document
from engine.data.sources import Source
from engine.retrieval.index import build

FOUND = "William Herschel discovered Uranus in 1781."
DIED = "William Herschel died at Slough in 1822."


def source(chunk: int, sentence: str, answer: str, rule: str = "name", title: str = "T") -> Source:
    return Source(chunk, "d", title, sentence, answer, rule, sentence, sentence.index(answer))


def test_a_name_is_put_as_another_passage_describes_it() -> None:
    who = source(0, FOUND, "William Herschel"), "Who discovered Uranus?"
    when = source(1, DIED, "1822", "when"), "When did William Herschel die?"
    (made,) = two_hop([who, when])
    assert made.question == "When did the person who discovered Uranus die?"
    assert made.answer == "1822" and made.sources == (who[0], when[0])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Who discovered Uranus?", 1), ("When did William Herschel die?", 1)),  # one passage
        (("Who did discover Uranus?", 0), ("When did William Herschel die?", 1)),  # no description
        (("Who discovered Uranus?", 0), ("When did Herschel die?", 1)),  # not named
        (
            ("Who discovered Uranus in 1822?", 0),
            ("When did William Herschel die?", 1),
        ),  # gives the answer away
    ],
)
def test_what_does_not_join_is_left(first: tuple[str, int], second: tuple[str, int]) -> None:
    who = source(first[1], FOUND, "William Herschel"), first[0]
    when = source(second[1], DIED, "1822", "when"), second[0]
    assert list(two_hop([who, when])) == []


@pytest.mark.parametrize("names", ["William Herschel and Ann Lee", "Royal Society", "The Herschel Club"])
def test_two_people_and_an_institution_are_not_the_person_who(names: str) -> None:
    who = source(0, f"{names} discovered Uranus in 1781.", names), "Who discovered Uranus?"
    when = source(1, f"{names} left Slough in 1822.", "1822", "when"), f"When did {names} leave Slough?"
    assert list(two_hop([who, when])) == []


@pytest.fixture(scope="module")
def index() -> Any:
    return build(
        [
            Document(
                "titan", "Titan", "# Titan\n\nTitan is a moon. Christiaan Huygens discovered Titan in 1655."
            ),
            Document("io", "Io", "# Io\n\nIo is a moon. Galileo Galilei discovered Io in 1610."),
            Document("rhea", "Rhea", "# Rhea\n\nRhea is a moon of Saturn that is made mostly of ice."),
        ],
        size=48,
    )


def test_a_title_is_exchanged_only_where_nothing_says_so(index: Any) -> None:
    told = "Christiaan Huygens discovered Titan in 1655."
    kept = [
        (source(0, told, "1655", "when", "Titan"), "When did Christiaan Huygens discover Titan?"),
        (source(0, told, "1655", "when", "Titan"), "When was the discovery made?"),
    ]
    made = list(unanswerable(index, kept))
    assert len(made) == 1 and made[0].answer == ""
    other = made[0].question.removeprefix("When did Christiaan Huygens discover ").rstrip("?")
    assert other in ("Rhea", "Io")


def test_what_the_other_document_says_too_is_not_asked(index: Any) -> None:
    kept = [(source(0, "Titan is a moon.", "Titan", "name", "Titan"), "What moon was Titan discovered?")]
    assert not any("Io" in one.question for one in unanswerable(index, kept))
