"""What is dropped by its words alone, and for which reason: each case is one that a small writer wrote."""

import pytest

from engine.data.sift import (
    CUT_OFF,
    GIVES_AWAY,
    NEW_WORDS,
    NOT_A_QUESTION,
    OTHER_KIND,
    TURNED,
    TWICE,
    VAGUE,
    wrong,
)
from engine.data.sources import Source

HULSE = "Hulse and Taylor received the Nobel Prize in Physics in 1993 because their pulsar opened a new way."
HALLEY = (
    "Halley's Comet is the most famous periodic comet and returns to the inner solar system every 76 years."
)
SHUTTLE = "The telescope was carried into orbit by the shuttle Discovery."
HUBBLE = "That picture, the Hubble Deep Field, lies in Ursa Major and shows about 3,000 galaxies."
NO_PLANET = (
    "No planet formed in the belt because the gravity of Jupiter stirred up the building blocks there."
)
RETURN = "We don’t need to say `return`, because this is the last expression."
INDEXING = "Indexing is often a bad idea because the type is not clear."
KEELER = "The American astronomer James Keeler confirmed this idea about Saturn in 1895 near Pittsburgh."
LAUNCH = "A Delta IV Heavy rocket launched Parker Solar Probe from Cape Canaveral on 12 August 2018."
PLUTO = "Pluto turns on its axis in about 6.4 days."
CALLISTO = "Robert Carlson reported in 1999 that Callisto has an extremely thin atmosphere of carbon dioxide."
GAGARIN = "Gagarin circled the Earth once and came down 108 minutes after the launch."


def reason(question: str, answer: str, rule: str, sentence: str, title: str = "Space") -> str:
    return wrong(question, Source(0, "d", title, sentence, answer, rule, sentence, sentence.index(answer)))


@pytest.mark.parametrize(
    ("question", "answer", "rule", "sentence"),
    [
        ("When did Hulse and Taylor receive the Nobel Prize in Physics?", "1993", "when", HULSE),
        ("Why did Hulse and Taylor receive the Nobel Prize?", "their pulsar opened a new way", "why", HULSE),
        ("Who received the Nobel Prize in Physics in 1993?", "Hulse and Taylor", "name", HULSE),
        ("How often does Halley's Comet return to the inner solar system?", "76 years", "quantity", HALLEY),
        ("How many galaxies does the Hubble Deep Field show?", "3,000 galaxies", "quantity", HUBBLE),
        ("Where did the rocket launch Parker Solar Probe from?", "Cape Canaveral", "name", LAUNCH),
        ("How long does Pluto take to turn on its axis?", "6.4 days", "quantity", PLUTO),
    ],
)
def test_a_good_question_passes(question: str, answer: str, rule: str, sentence: str) -> None:
    assert reason(question, answer, rule, sentence) == ""


@pytest.mark.parametrize(
    ("question", "answer", "rule", "sentence", "expected"),
    [
        ("Tell me about Hulse and Taylor.", "1993", "when", HULSE, NOT_A_QUESTION),
        ("When was it?", "1993", "when", HULSE, NOT_A_QUESTION),
        ("How did Gagarin circled the Earth?", "once", "phrase", GAGARIN, NOT_A_QUESTION),
        ("Who received it, Hulse and Taylor?", "Hulse and Taylor", "name", HULSE, GIVES_AWAY),
        ("What was the Nobel Prize in?", "Physics", "name", HULSE, CUT_OFF),
        ("What is the surface of the?", "Callisto", "name", CALLISTO, CUT_OFF),
        ("What galaxy is the galaxy of Ursa Major?", "Hubble Deep Field", "name", HUBBLE, TWICE),
        (
            "What did Hulse and Taylor receive in 1993?",
            "their pulsar opened a new way",
            "why",
            HULSE,
            OTHER_KIND,
        ),
        ("What does the Hubble Deep Field show about?", "3,000 galaxies", "quantity", HUBBLE, OTHER_KIND),
        ("How far away is the Hubble Deep Field?", "3,000 galaxies", "quantity", HUBBLE, OTHER_KIND),
        ("How long does Halley's Comet return?", "76 years", "quantity", HALLEY, OTHER_KIND),
        ("How long does Pluto turn on its axis?", "6.4 days", "quantity", PLUTO, OTHER_KIND),
        ("How long did Gagarin come down?", "108 minutes", "quantity", GAGARIN, OTHER_KIND),
        ("Who has an extremely thin atmosphere of carbon dioxide?", "Callisto", "name", CALLISTO, OTHER_KIND),
        ("What was the name of the rocket launched?", "Parker Solar Probe", "name", LAUNCH, OTHER_KIND),
        ("What year was the telescope carried?", "Discovery", "name", SHUTTLE, OTHER_KIND),
        ("When was the Hubble Deep Field?", "1993", "when", HUBBLE + " In 1993.", OTHER_KIND),
        (
            "Why did a planet form in the belt?",
            "the gravity of Jupiter stirred up the building blocks there",
            "why",
            NO_PLANET,
            TURNED,
        ),
        ("Why do we need to say `return`?", "this is the last expression", "why", RETURN, TURNED),
        ("Why is indexing not a bad idea?", "the type is not clear", "why", INDEXING, TURNED),
        ("Who confirmed the idea about Saturn?", "James Keeler", "name", KEELER, VAGUE),
        ("When did he receive the prize?", "1993", "when", HULSE, VAGUE),
        ("When did James Keeler marry in Pittsburgh?", "1895", "when", KEELER, NEW_WORDS),
    ],
)
def test_a_bad_question_is_dropped_with_its_reason(
    question: str, answer: str, rule: str, sentence: str, expected: str
) -> None:
    assert reason(question, answer, rule, sentence) == expected


def test_a_question_uses_no_new_words() -> None:
    source = Source(0, "d", "Saturn", KEELER, "1895", "when", KEELER, KEELER.index("1895"))
    assert wrong("When did James Keeler astonish Pittsburgh?", source) == NEW_WORDS
