"""What becomes of a draft: two thresholds, samples, shapes, citations; pure rules without a model."""

import json

import pytest

from engine.inference.cascade import decide
from engine.inference.cite import resolved
from engine.inference.consistency import agreement, cheaper, choose
from engine.inference.extract import Found
from engine.inference.reading import shares, spanned
from engine.inference.shape import SCHEMA, UNCITED, shaped
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Answer, Bullet, Verdict

TEXTS = (
    "Titan was found by Christiaan Huygens in 1655.",
    "It is the largest moon of Saturn.",
    "It has lakes.",
)
BULLETS = tuple(Bullet(n, text, "titan", 0, 0, len(text), 1.0) for n, text in enumerate(TEXTS, 1))
SPEC = AnswerSpec(tau=0.2, accept=0.7, hopeless=0.1)


def said(text: str, *citations: int) -> Answer:
    return Answer(text, text, False, citations)


def verdict(score: float) -> Verdict:
    doubt = "the year 1969 is not in bullet 2"
    return Verdict(True, score, {}, f"refused: {doubt}", True, doubt)


@pytest.mark.parametrize(
    ("score", "last", "action"),
    [
        (0.7, False, "accept"),
        (0.69, False, "escalate"),
        (0.11, False, "escalate"),
        (0.09, False, "refuse"),
        (0.69, True, "accept"),
        (0.19, True, "refuse"),
    ],
)
def test_a_draft_stands_escalates_or_is_given_up(score: float, last: bool, action: str) -> None:
    decision = decide(said("1655", 1), verdict(score), SPEC, last=last, sampled=True, tier="small")
    assert decision.action == action
    assert "\n" not in decision.reason


def test_below_hopeless_no_tier_is_asked_and_tau_says_whether_the_draft_stands() -> None:
    spec = SPEC.model_copy(update={"hopeless": 0.5})
    for score, action, word in ((0.3, "accept", "accepted"), (0.1, "refuse", "refused")):
        made = decide(said("1969", 2), verdict(score), spec, last=False, sampled=False, tier="small")
        assert made.action == action
        assert made.reason.startswith(f"{word}: small: P(correct) {score:.2f} is below 0.50, so no further")
    assert decide(said("1969", 2), verdict(0.3), spec, last=True, sampled=True).action == "accept"


def test_what_would_stand_alone_is_not_called_accepted_when_it_escalates() -> None:
    accepted = "accepted: P(correct) 0.40 is at least tau 0.20"
    for doubt, words in (("", ""), ("the answer is long", "the answer is long (")):
        stands = Verdict(True, 0.4, {}, accepted, True, doubt)
        made = decide(said("x", 1), stands, SPEC, last=False, sampled=True, tier="small")
        assert made.reason == f"escalated: {words}small: P(correct) 0.40 is below 0.70{')' if doubt else ''}"


def test_what_the_last_tier_is_judged_by_names_it_behind_the_word() -> None:
    judged = Verdict(True, 0.4, {}, "accepted: P(correct) 0.40 is at least tau 0.20", True)
    made = decide(said("x", 1), judged, SPEC, last=True, sampled=True, tier="large")
    assert made.reason == "accepted: large: P(correct) 0.40 is at least tau 0.20"


def test_the_reason_of_an_escalation_names_the_doubt_and_the_numbers() -> None:
    decision = decide(said("1969", 2), verdict(0.4), SPEC, last=False, sampled=True, tier="small")
    assert decision.reason == (
        "escalated: the year 1969 is not in bullet 2 (small: P(correct) 0.40 is below 0.70)"
    )


def test_samples_come_before_escalation_and_once() -> None:
    spec = SPEC.model_copy(update={"samples": 3})
    assert decide(said("x"), verdict(0.4), spec, last=False, sampled=False).action == "sample"
    assert decide(said("x"), verdict(0.4), spec, last=False, sampled=True).action == "escalate"


def test_a_tier_that_does_not_know_is_followed_by_the_next_and_the_last_one_refuses() -> None:
    refused = Answer("I don't know", "", True)
    assert decide(refused, None, SPEC, last=False, sampled=True).action == "escalate"
    assert decide(refused, None, SPEC, last=True, sampled=True).action == "refuse"
    single = AnswerSpec(tau=0.2)
    assert decide(refused, None, single, last=False, sampled=True).action == "refuse"


def test_an_uncalibrated_score_is_not_called_a_probability() -> None:
    doubted = Verdict(True, 0.4, {}, "refused: doubt", False, "doubt")
    reason = decide(said("x"), doubted, SPEC, last=False, sampled=True).reason
    assert "uncalibrated score 0.40" in reason and "P(correct)" not in reason


def test_of_samples_the_one_that_others_share_wins_and_a_refusal_is_an_answer_too() -> None:
    answers = [said("1655"), said("in 1655"), said("1969"), Answer("I don't know", "", True)]
    assert agreement(answers, 0) == 0.5 and agreement(answers, 3) == 0.25
    chosen = choose(answers, [0.2, 0.2, 0.4, -1.0])
    assert (chosen.place, chosen.agreement) == (0, 0.5)
    assert choose(answers, [0.2, 0.2, 0.9, -1.0]).place == 2
    with pytest.raises(ValueError, match="no answers"):
        choose([], [])


def test_samples_are_drawn_where_they_cost_less_than_the_next_tier() -> None:
    assert cheaper(200, 5, 8.5, 5, 139.4)
    assert not cheaper(200, 5, 130.0, 20, 139.4)
    assert cheaper(200, 5, 0.0, 5, 139.4)


def test_a_citation_moves_to_the_bullet_that_holds_the_answer_and_says_so() -> None:
    moved = resolved(said("Christiaan Huygens", 2), BULLETS, None)
    assert moved.citations == (1,)
    assert moved.moved == "citation moved from [2] to [1], which holds the answer"
    assert resolved(said("Christiaan Huygens", 1), BULLETS, None).moved == ""
    assert resolved(said("Christiaan Huygens"), BULLETS, None).citations == (1,)


def test_a_citation_that_does_not_hold_the_answer_is_dropped_beside_one_that_does() -> None:
    kept = resolved(said("1655", 1, 3), BULLETS, None)
    assert kept.citations == (1,) and "[3]" in kept.moved


def test_an_answer_that_no_bullet_holds_keeps_its_citation() -> None:
    assert resolved(said("Galileo Galilei", 2), BULLETS, None) == said("Galileo Galilei", 2)
    refused = Answer("I don't know", "", True)
    assert resolved(refused, BULLETS, None) == refused


def test_of_two_bullets_that_hold_it_the_reader_chooses() -> None:
    twice = (*BULLETS, Bullet(4, "In 1655 many things happened.", "titan", 0, 0, 0, 9.0))
    first = len(" ".join(TEXTS)) + 1
    found = Found("1655", 40, 44, 0.9, 0.0, ((40, 0.8), (first + 3, 0.1)))
    assert resolved(said("1655", 2), twice, found).citations == (1,)
    assert resolved(said("1655", 2), twice, None).citations == (4,)


def test_a_readers_span_is_cited_by_where_it_stands() -> None:
    joined = " ".join(TEXTS)
    for number, text in enumerate(TEXTS, 1):
        start = joined.index(text)
        found = Found(text[:5], start, start + 5, 0.9, 0.1, ((start, 0.9),))
        assert spanned(found, TEXTS, ban=False).citations == (number,)
        assert shares(found, TEXTS).index(max(shares(found, TEXTS))) == number - 1
    unsure = Found("Titan", 0, 5, 0.2, 0.8)
    assert spanned(unsure, TEXTS, ban=False).refused and not spanned(unsure, TEXTS, ban=True).refused


QUESTION = "Was Titan found in 1655?"


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("short", "1655 [1]"),
        ("sentence", "Titan was found by Christiaan Huygens in 1655. [1]"),
        ("yes/no", "Yes: Titan was found by Christiaan Huygens in 1655. [1]"),
    ],
)
def test_an_answer_takes_the_shape_that_was_asked_for(shape: str, text: str) -> None:
    assert shaped(said("1655", 1), BULLETS, QUESTION, shape) == text  # type: ignore[arg-type]


def test_an_answer_without_a_valid_citation_is_marked() -> None:
    assert shaped(said("1655"), BULLETS, QUESTION, "short") == f"1655 {UNCITED}"
    assert shaped(said("1655", 9), BULLETS, QUESTION, "sentence") == f"1655 {UNCITED}"
    assert shaped(said("1655"), (), QUESTION, "short") == "1655"
    assert not json.loads(shaped(said("1655"), BULLETS, QUESTION, "json"))["cited"]


def test_json_fits_its_schema_whatever_stands_in_it() -> None:
    odd = Bullet(1, '<script>"\n\\ 漢字 [2]', "a/b", 0, 0, 3, 1.0)
    for answer in (said('"; drop', 1), Answer("I don't know", "", True), said("", 2)):
        value = json.loads(shaped(answer, (odd,), QUESTION, "json"))
        assert set(SCHEMA["required"]) <= set(value) <= set(SCHEMA["properties"])
        for citation in value["citations"]:
            assert citation == {"number": 1, "document": "a/b", "text": odd.text}
        assert value["refused"] == answer.refused


def test_a_refusal_is_one_in_every_shape() -> None:
    refused = Answer("I don't know", "", True)
    for shape in ("short", "sentence", "yes/no"):
        assert shaped(refused, BULLETS, QUESTION, shape) == "I don't know"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "question", "start"),
    [
        (said("No", 2), QUESTION, "No:"),
        (said("yes", 1), QUESTION, "Yes:"),
        (said("Huygens", 1), "Who found Titan?", "Huygens:"),
    ],
)
def test_yes_or_no_is_what_the_answer_says(answer: Answer, question: str, start: str) -> None:
    assert shaped(answer, BULLETS, question, "yes/no").startswith(start)


TRITON = (
    "William Lassell, an English brewer and amateur astronomer, discovered Triton on 10 October 1846 near "
    "Liverpool."
)
LARGEST = "Triton is the largest moon of Neptune, with a diameter of about 2,707 kilometres."
WIDER = (
    "Ganymede is wider than the planet Mercury but has less than half the mass of Mercury, because a large "
    "part of Ganymede is ice."
)
NONE = "Mercury has no moons, and no ring has been found around the planet."
NEITHER = "Huygens, not Galileo, discovered Titan."


@pytest.mark.parametrize(
    ("question", "phrase", "reason", "start"),
    [
        ("Was Triton discovered by William Lassell?", "William Lassell", TRITON, "Yes"),
        ("Was Triton discovered in 1846?", "10 October 1846", TRITON, "Yes"),
        ("Is Triton the largest moon of Neptune?", "Triton", LARGEST, "Yes"),
        ("Did Galileo discover Triton?", "William Lassell", TRITON, "William Lassell"),
        ("Was Triton discovered in 1610?", "10 October 1846", TRITON, "10 October 1846"),
        ("Is Ganymede smaller than Mercury?", "wider", WIDER, "Wider"),
        ("Does Mercury have moons?", "no moons", NONE, "No"),
        ("Is Mercury a planet?", "Mercury", NONE, "Mercury"),
        ("Did Galileo discover Titan?", "Huygens", NEITHER, "No"),
        ("Did Huygens discover Titan?", "Huygens", NEITHER, "Huygens"),
    ],
)
def test_yes_is_said_only_of_what_the_cited_bullet_holds(
    question: str, phrase: str, reason: str, start: str
) -> None:
    """Any polar question got a Yes from any bullet without a negation, and a No from any with one. All
    reasons but the last are sentences of the sample corpus."""
    bullet = Bullet(1, reason, "sample", 0, 0, len(reason), 1.0)
    assert shaped(said(phrase, 1), (bullet,), question, "yes/no").startswith(f"{start}: {reason}")
