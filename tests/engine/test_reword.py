"""Another form of a question asks for the same: only the words that ask change."""

import re

import pytest

from engine.data.reword import forms
from engine.data.stems import free, stems

PAIRS = [
    ("When did Herschel find Titania?", "1787", "In what year did Herschel find Titania?"),
    ("When was Vera Rubin born?", "23 July 1928", "On what date was Vera Rubin born?"),
    ("When did Huygens leave?", "December 2004", "In what month of which year did Huygens leave?"),
    ("In what year did Galileo die?", "1642", "When did Galileo die?"),
    ("How many moons does Mars have?", "two", "What number of moons does Mars have?"),
    ("How long did Cassini last?", "7 years", "For how long did Cassini last?"),
    ("How long does Neptune need to take?", "165 years", "How much time does Neptune need to take?"),
    ("How long is the body of Arrokoth?", "36 kilometres", "What is the length of the body of Arrokoth?"),
    ("How far is Saturn from the Sun?", "1.4 billion kilometres", "At what distance from the Sun is Saturn?"),
    ("How tall was Gagarin?", "1.57 metres", "What was the height of Gagarin?"),
    ("How old was Leavitt when she died?", "53", "What age was Leavitt when she died?"),
    ("Why is Io hot?", "the pull of Jupiter squeezes it", "For what reason is Io hot?"),
    ("Who discovered Uranus in 1781?", "William Herschel", "By whom was Uranus discovered in 1781?"),
    ("Who was the last man there?", "Eugene Cernan", "What was the name of the last man there?"),
    ("Who issued the stamp?", "Ann Lee", "Which person issued the stamp?"),
    ("Where was Galileo born?", "Pisa", "In what place was Galileo born?"),
    ("What is the name of the largest moon of Pluto?", "Charon", "What is the largest moon of Pluto called?"),
    ("Which probe has visited both planets?", "Voyager 2", "What probe has visited both planets?"),
]  # fmt: skip
NONE = [
    ("When did Mars form?", "billions of years ago"),  # neither a year nor a date
    ("How long is Saturn's year?", "29 years"),  # a length is not what is asked
    ("Who discovered the moon?", "The European Space Agency"),  # no person
    ("Where did New Horizons fly?", "Pluto"),  # to which place, not in which
    ("Where was the probe launched from?", "Cape Canaveral"),
    ("How far is Mars from the Sun when it is nearest?", "207 million kilometres"),
    ("What did Galileo see?", "four moons"),
    ("Who discovered the moons?", "A telescope"),
]


@pytest.mark.parametrize(("question", "answer", "other"), PAIRS)
def test_a_question_has_another_form(question: str, answer: str, other: str) -> None:
    found = forms(question, answer)
    assert other in found
    assert question not in found and len(set(found)) == len(found)
    named = re.compile(r"\b[A-Z]\w+")
    for form in found:
        assert form.endswith("?") and form[0].isupper()
        assert set(named.findall(question[1:])) <= set(named.findall(form))
        told = {stem for stem in stems(question) - free() if stem not in form.lower()}
        assert len(told) <= 1  # "hot" of "how hot", which is a temperature now


@pytest.mark.parametrize(("question", "answer"), NONE)
def test_where_no_rule_fits_there_is_none(question: str, answer: str) -> None:
    assert forms(question, answer) == []


def test_a_thing_in_the_plural_is_not_put_behind_was() -> None:
    assert not any(form.startswith("By") for form in forms("Who discovered the rings?", "Ann Lee"))
    assert "By whom was the ring discovered?" in forms("Who discovered the ring?", "Ann Lee")
