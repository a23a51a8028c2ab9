"""Cleaning: what should go goes, with its reason; what should stay stays; each filter can be turned off."""

import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.data import pii, tidy
from engine.data.clean import CleanSpec, clean
from engine.data.dedupe import near, same
from engine.data.language import languages
from engine.data.load import samples
from engine.data.quality import quality
from engine.data.records import Corpus, Document, Mark, Question
from engine.errors import ConfigError, DataError

OFF = CleanSpec(normalise=False, boilerplate=False, exact=False, near=0, shortest=0, quality=0)
PROSE = [document.text for document in samples("space").documents]


def documents(*texts: str) -> tuple[Document, ...]:
    return tuple(Document(f"d{number}", f"T{number}", text) for number, text in enumerate(texts))


def cleaned(*texts: str, **fields: Any) -> Any:
    return clean(Corpus(documents(*texts)), OFF.model_copy(update=fields))


# Normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301", "caf\xe9"),
        ("a\u00a0b\u200bc\u2028", "a bc"),
        ("end  \nnext\t\n\n\n\n\nlast", "end\nnext\n\nlast"),
        ("the exam-\nple is long", "the example is long"),
        ("touch-\nand-go landing", "touch-\nand-go landing"),
        ("1990-\n95 and A-\nB", "1990-\n95 and A-\nB"),
        ("\x00\x07bell", "bell"),
        ("    indented code", "indented code"),
    ],
)
def test_characters_blanks_and_broken_lines_are_put_right(text: str, expected: str) -> None:
    assert tidy.normalise(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_what_is_normal_stays(text: str) -> None:
    once = tidy.normalise(text)
    twice = tidy.normalise(once)
    assert tidy.normalise(twice) == twice


def test_nothing_is_changed_when_every_filter_is_off() -> None:
    corpus = Corpus(
        documents("one  ", "one  ", "mail a@b.org"), (Question("q", "Q?", ("one",), "d0", starts=(0,)),)
    )
    made = clean(corpus, OFF)
    assert made.corpus == corpus and not made.removed and not made.steps


# Boilerplate


def paged(*pages: str) -> Document:
    text, marks = "", []
    for number, page in enumerate(pages, 1):
        marks.append(Mark(len(text), number))
        text += page + "\n\n"
    return Document("d", "D", text.strip(), marks=tuple(marks))


def test_headers_and_footers_of_pages_go_and_marks_follow() -> None:
    pages = [
        f"Report 7 of the board\n\nText {word} stays.\n\nPage {n} of 4" for n, word in enumerate("abcd", 1)
    ]
    document = replace(paged(*pages), id="r")
    question = Question("q", "Which?", ("c stays",), "r", starts=(document.text.index("c stays"),))
    made = clean(Corpus((document,), (question,)), OFF.model_copy(update={"boilerplate": True}))
    (left,) = made.corpus.documents
    assert left.text == "Text a stays.\n\nText b stays.\n\nText c stays.\n\nText d stays."
    assert [left.place(left.text.index(f"Text {word}")) for word in "abcd"] == [
        f"page {n}" for n in (1, 2, 3, 4)
    ]
    assert made.corpus.questions[0].starts == (left.text.index("c stays"),)
    assert made.steps[0].counts["Page 1 of 4"] == 1


def test_a_line_that_most_documents_have_goes_but_code_and_headings_stay() -> None:
    notice = "Subscribe to our newsletter for more such articles"
    texts = [
        f"# The same heading over all of them\n\n{notice}\n\nFact {n}.\n\n```\nfn main of all of them\n```"
        for n in range(6)
    ]
    made = cleaned(*texts, boilerplate=True)
    for number, document in enumerate(made.corpus.documents):
        assert notice not in document.text and f"Fact {number}." in document.text
        assert "same heading" in document.text and "fn main of all" in document.text
    assert (
        clean(Corpus(documents(*texts[:4])), OFF.model_copy(update={"boilerplate": True})).steps[0].changed
        == 0
    )


# Duplicates


def test_the_first_of_equal_texts_stays() -> None:
    made = cleaned("One text.", "other", "one   TEXT.", exact=True)
    assert [d.id for d in made.corpus.documents] == ["d0", "d1"]
    assert [(r.document.id, r.filter, r.reason) for r in made.removed] == [
        ("d2", "exact", "the same text as 'd0'")
    ]


def test_near_duplicates_are_found_and_others_are_not() -> None:
    rng = random.Random(3)
    texts = list(PROSE)
    copies = {}
    for place in range(0, len(PROSE), 3):
        words = PROSE[place].split()
        for _ in range(2):
            words[rng.randrange(len(words))] = "changed"
        copies[len(texts)] = place
        texts.append(" ".join(words))
    found = near(texts, 0.8)
    true = {place: first for place, first in copies.items() if _jaccard(texts[place], texts[first]) >= 0.8}
    assert len(true) > 5 and {place: first for place, (first, _) in found.items()} == true
    for place, (first, share) in found.items():
        assert share == pytest.approx(_jaccard(texts[place], texts[first]), abs=0.001)


def _jaccard(one: str, other: str) -> float:
    """The similarity by its definition, on sets of runs of five words."""

    sets = []
    for text in (one, other):
        words = re.findall(r"\w+", text.casefold())
        sets.append({tuple(words[at : at + 5]) for at in range(len(words) - 4)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_texts_shorter_than_a_run_are_compared_too() -> None:
    assert near(["a b", "a b", "c d", "", ""]) == {1: (0, 1.0)}
    assert same(["", " "]) == {1: 0}


def test_the_same_texts_give_the_same_duplicates() -> None:
    texts = PROSE + [text[: len(text) * 9 // 10] for text in PROSE]
    assert near(texts, 0.7) == near(texts, 0.7) != {}


def about(document: str | None, answer: str = "", **more: Any) -> Question:
    answers = (answer,) if answer else ()
    return Question(f"q-{document}-{answer}", "What is told?", answers, document, **more)


def test_questions_follow_a_duplicate_to_what_is_kept_and_are_lost_with_what_is_not() -> None:
    twin = PROSE[0].upper()
    word = PROSE[0].split()[3]
    near_twin = PROSE[0].replace(word, "changed", 1)
    texts = (PROSE[0], twin, near_twin, "short", PROSE[1])
    asked = (
        about("d1", word.upper(), starts=(twin.index(word.upper()),)),
        about("d2", "changed"),
        about("d3", "short"),
        about("d3"),
        about("d4", PROSE[1].split()[0], starts=(0,)),
        about("elsewhere", "anything"),
    )
    spec = OFF.model_copy(update={"exact": True, "near": 0.7, "shortest": 10})
    made = clean(Corpus(documents(*texts), asked), spec)
    assert [document.id for document in made.corpus.documents] == ["d0", "d4"]
    kept = {question.id: question for question in made.corpus.questions}
    first = kept[asked[0].id]
    assert first.document == "d0" and first.answers == (word.upper(),)
    assert asked[1].id not in kept and asked[2].id not in kept
    assert kept[asked[3].id].document is None
    assert kept[asked[4].id] == asked[4] and kept[asked[5].id] == asked[5]
    reasons = {question.id: reason for question, reason in made.questions.lost}
    assert "shares" in reasons[asked[1].id] and "5 letters" in reasons[asked[2].id]
    assert made.report()["questions"] == {"kept": 4, "moved": 1, "removed": 2}


def test_a_chain_of_duplicates_ends_at_the_one_that_is_left() -> None:
    near_twin = PROSE[0].replace(PROSE[0].split()[3], "changed", 1)
    texts = (PROSE[0], near_twin, f" {near_twin}")
    answer = PROSE[0].split()[-2]
    spec = OFF.model_copy(update={"exact": True, "near": 0.7})
    made = clean(Corpus(documents(*texts), (about("d2", answer),)), spec)
    assert [question.document for question in made.corpus.questions] == ["d0"]


def test_personal_data_is_masked_in_questions_whatever_they_are_about() -> None:
    asked = Question("q", "Who is ada@velden.example?", ("Ada",), "d0")
    made = clean(Corpus(documents(PROSE[0]), (asked,)), OFF.model_copy(update={"pii": "all"}))
    assert made.corpus.questions[0].question == "Who is [EMAIL]?"


# Length, language, quality


def test_length_language_and_quality_say_why() -> None:
    german = (
        "Das ist ein einfacher deutscher Text über den Hafen und seine Geschichte, die lange zurückreicht."
    )
    noise = "|| 0x3f 88 ;; == 91 {} [] -- 7731 ## 22 ++ 0 1 0 1 1 0 %% $$ " * 4
    made = cleaned(PROSE[0], german, noise, "short", shortest=10, language="en", quality=0.4)
    reasons = {r.document.id: (r.filter, r.reason) for r in made.removed}
    assert [d.id for d in made.corpus.documents] == ["d0"]
    assert reasons["d1"] == ("language", "its language is de")
    assert reasons["d2"][0] in ("quality", "language")
    assert reasons["d3"] == ("length", "5 letters, fewer than 10")


def test_languages_are_told() -> None:
    texts = [
        PROSE[0],
        "La Lune est le seul satellite naturel de la Terre et le plus grand du système par sa taille.",
        "Луна является единственным естественным спутником Земли и вторым по яркости объектом на небе.",
        "ok",
    ]
    assert languages(texts) == ["en", "fr", "ru", ""]


def test_prose_scores_above_what_is_none() -> None:
    prose = [quality(text).score for text in PROSE]
    none = ["a " * 200, "12 34 56 " * 50, "x;y;z;{}[]" * 40, "menu\n" * 60, "A" * 400, ""]
    assert min(prose) > 0.8 and max(quality(text).score for text in none) < 0.4
    assert quality("") == (0, 0, 0, 0, 0, 0)
    assert all(0 <= part <= 1 for text in [*PROSE, *none] for part in quality(text))


# Personal data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ada.l+x@mail.example.org.", "write to [EMAIL]."),
        ("server 192.168.1.20, not 999.1.1.1", "server [IP], not 999.1.1.1"),
        ("at 2001:db8::8a2e:370:7334 now", "at [IP] now"),
        ("listens on 127.0.0.1, 0.0.0.0 and ::1", "listens on 127.0.0.1, 0.0.0.0 and ::1"),
        ("card 4111 1111 1111 1111 and 4111 1111 1111 1112", "card [CARD] and 4111 1111 1111 1112"),
        ("call +49 30 1234567 or (030) 123-4567", "call [PHONE] or [PHONE]"),
        ("call 800-877-6799", "call [PHONE]"),
        ("SSN 078-05-1120, not 000-12-3456", "SSN [ID], not 000-12-3456"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [ID] please"),
        ("IBAN DE88 3704 0044 0532 0130 00 please", "IBAN DE88 3704 0044 0532 0130 00 please"),
        ("on 2007-12-17 and 12/17/2007, 1914-1918", "on 2007-12-17 and 12/17/2007, 1914-1918"),
        ("it cost 2 500 000 euros and 3,500.25", "it cost 2 500 000 euros and 3,500.25"),
        ("std::vec::Vec and a::b", "std::vec::Vec and a::b"),
        ("version 1.2.3 of chapter 10.4", "version 1.2.3 of chapter 10.4"),
        ("ISBN 978-3-16-148410-0", "ISBN 978-3-16-148410-0"),
    ],
)
def test_personal_data_is_masked_by_its_form_and_other_numbers_stay(text: str, expected: str) -> None:
    assert pii.mask(text).text == expected


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("4111 1111 1111 1111", True),
        ("5500-0055-5555-5559", True),
        ("79927398713", True),
        ("79927398710", False),
    ],
)
def test_the_check_digit_of_cards(number: str, right: bool) -> None:
    assert pii.luhn(number) is right


def test_only_the_kinds_asked_for_are_masked_and_answers_follow() -> None:
    text = "Mail ada@x.org or call +49 30 1234567 today."
    question = Question("q", "Which mail?", ("ada@x.org",), "d0", "Mail ada@x.org", starts=(5,))
    made = clean(Corpus(documents(text), (question,)), OFF.model_copy(update={"pii": "email"}))
    assert made.corpus.documents[0].text == "Mail [EMAIL] or call +49 30 1234567 today."
    assert made.corpus.questions[0].answers == ("[EMAIL]",) and made.corpus.questions[0].starts == (5,)
    assert made.steps[0].counts == {"email": 1}


# The report


def test_the_report_counts_and_shows_what_went() -> None:
    made = clean(Corpus(documents(*PROSE, *PROSE[:3], "tiny")), CleanSpec())
    told = made.report()
    assert told["documents"] == {"kept": len(PROSE), "removed": 4}
    steps = {step["filter"]: step for step in told["steps"]}
    assert steps["exact"]["removed"] == 3 and steps["length"]["removed"] == 1
    assert steps["exact"]["examples"][0]["after"].startswith("the same text as 'd0'")
    assert sum(count for _, count in told["before"]["letters"]) == len(PROSE) + 4
    assert sum(count for _, count in told["after"]["quality"]) == len(PROSE)


def test_a_filter_is_undone_by_cleaning_again_without_it() -> None:
    corpus = Corpus(documents(*PROSE[:4], PROSE[0], "tiny"))
    all_on = clean(corpus, CleanSpec())
    without = clean(corpus, CleanSpec(exact=False, near=0))
    back = {d.id for d in without.corpus.documents} - {d.id for d in all_on.corpus.documents}
    assert back == {r.document.id for r in all_on.removed if r.filter in ("exact", "near")} == {"d4"}


def test_cleaning_everything_away_is_one_sentence() -> None:
    with pytest.raises(DataError, match="leaves no document: 2 went by the filter length"):
        cleaned("a", "b", shortest=10)


@pytest.mark.parametrize("fields", [{"near": 2}, {"nonsense": 1}])
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CleanSpec(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"pii": "names"},
        {"pii": "email,tea"},
        {"language": "english"},
        {"language": "zz"},
        {"language": "en,"},
    ],
)
def test_a_language_or_kind_that_there_is_not_is_one_sentence(fields: dict[str, Any]) -> None:
    """Before: the pattern that it did not match was shown."""
    with pytest.raises(ConfigError, match="cannot be used: give"):
        CleanSpec(**fields)
