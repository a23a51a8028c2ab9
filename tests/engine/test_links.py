"""Who does it in a question does it in the source: cases that a small writer wrote."""

import pytest

from engine.data.links import linked

TWAIN = (
    "The writer Mark Twain was born in 1835, when Halley's Comet appeared, and died in 1910, a day "
    "after its closest approach to the Sun."
)
LASSELL = "William Lassell, an English brewer and amateur astronomer, discovered Triton on 10 October 1846."
MAGELLAN = "The American orbiter Magellan left for Venus aboard the space shuttle Atlantis on 4 May 1989."
ATLAS = (
    "An Atlas V rocket launched Curiosity from Florida in 2011, and the cruise to Mars lasted over 8 months."
)
CERIUM = "The element cerium, identified in Sweden in 1803, was named after Ceres."
PROBE = "The atmospheric probe struck Jupiter at about 170,000 kilometers per hour."
MARINER = (
    "Mariner 9 became the first spacecraft to orbit another planet when it reached Mars in November 1971."
)
PARKER = "The probe honors Eugene Parker, the American physicist who predicted the solar wind in 1958."


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("When did William Lassell discover Triton?", LASSELL),
        ("When did Mark Twain die?", TWAIN),
        ("When did Magellan leave for Venus?", MAGELLAN),
        ("When did the Atlas V rocket launch Curiosity?", ATLAS),
        ("When did Curiosity launch?", ATLAS),
        ("How long did the cruise to Mars last?", ATLAS),
        ("When was the element cerium identified?", CERIUM),
        ("When did Mariner 9 reach Mars?", MARINER),
        ("When did Eugene Parker predict the solar wind?", PARKER),
        ("Who discovered Triton in 1846?", LASSELL),
        ("Where does the probe strike Jupiter?", PROBE),
    ],
)
def test_what_the_source_says_of_it_passes(question: str, sentence: str) -> None:
    assert linked(question, sentence)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("When did Halley's Comet die?", TWAIN),
        ("When did the space shuttle Atlantis leave for Venus?", MAGELLAN),
        ("How long did the Atlas V rocket last?", ATLAS),
        ("How fast was the atmospheric probe struck?", PROBE),
        ("When did the amateur astronomer?", LASSELL),
    ],
)
def test_what_it_says_of_something_else_does_not(question: str, sentence: str) -> None:
    assert not linked(question, sentence)
