"""A verdict's score is the weighted sum it says it is, halved where the evidence does not hold the answer."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.inference.extract import Found
from engine.inference.trace import Answer, Bullet
from engine.inference.verify import WEIGHTS, overlap, verify

TEXTS = (
    "Neil Armstrong was the first person to walk on the Moon.",
    "Apollo 11 was launched from Florida on 16 July 1969.",
    "The Moon is 3,474 kilometres wide.",
)
BULLETS = tuple(Bullet(number, text, "apollo", 0, 0, len(text), 1.0) for number, text in enumerate(TEXTS, 1))
TOLD = {"certain", "sure"}
ALONE = {"willing", "brief"} | TOLD
READ = {"agreement", "answerable", "span", "standing"}
PARTS = ALONE | READ | {"coverage", "bigrams", "numbers", "names"}


def said(
    text: str, *citations: int, refusal: float | None = 0.0, logprobs: tuple[float, ...] = (0.0,)
) -> Answer:
    return Answer(text, text, False, citations, refusal, logprobs)


def read(text: str, none: float = 0.0) -> Found:
    return Found(text, 0, len(text), 1 - none, none)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Answer, tuple[Bullet, ...], Found | None]:
    words = st.sampled_from([*" ".join(TEXTS).split(), "1968", "Aldrin", "the", "", "–"])
    texts = st.lists(words, max_size=5).map(" ".join)
    share = st.floats(0, 1)
    bullets = BULLETS[: draw(st.integers(0, 3))]
    cited = draw(st.lists(st.integers(1, 4), max_size=3, unique=True))
    answer = Answer(
        draw(texts),
        "",
        False,
        tuple(cited),
        draw(share),
        tuple(draw(st.lists(st.floats(-50, 0), max_size=4))),
    )
    found = draw(st.none() | st.builds(read, texts, share))
    return answer, bullets, found


@settings(max_examples=200, deadline=None)
@given(cases(), st.floats(0, 1))
def test_a_verdict_stays_in_bounds_and_follows_its_score(
    case: tuple[Answer, tuple[Bullet, ...], Found | None], tau: float
) -> None:
    answer, bullets, found = case
    verdict = verify(answer, bullets, found, tau)
    assert 0 <= verdict.score <= 1 + 1e-9
    assert all(0 <= part <= 1 for part in verdict.parts.values())
    missing = (set() if found else READ) | (set() if answer.logprobs else TOLD)
    assert verdict.parts.keys() == ((PARTS if bullets else ALONE) - missing)
    assert not verdict.calibrated
    assert verdict.supported == (verdict.score >= tau)
    assert verdict.reason.startswith("accepted: " if verdict.supported else "refused: ")
    assert "\n" not in verdict.reason


@settings(max_examples=200, deadline=None)
@given(cases(), st.floats(0, 1), st.floats(0, 1))
def test_more_doubt_never_makes_a_better_score(
    case: tuple[Answer, tuple[Bullet, ...], Found | None], one: float, other: float
) -> None:
    answer, bullets, found = case
    low, high = sorted((one, other))

    def score(answer: Answer, found: Found | None) -> float:
        return verify(answer, bullets, found, 0).score

    willing, unwilling = (replace(answer, refusal=share) for share in (low, high))
    assert score(willing, found) + 1e-9 >= score(unwilling, found)
    unsure, sure = (replace(answer, logprobs=(math.log(share or 1e-9),)) for share in (low, high))
    assert score(sure, found) + 1e-9 >= score(unsure, found)
    if found:
        trusted, doubted = (found._replace(none=share) for share in (low, high))
        assert score(answer, trusted) + 1e-9 >= score(answer, doubted)


def test_the_score_is_the_weighted_sum_counted_by_hand() -> None:
    """Agreement: 2 of 3 words of the reader's span, 2 of 2 of the answer's: F1 0.8."""
    answer = said("Neil Armstrong", 1, refusal=0.25, logprobs=(math.log(0.9), math.log(0.5)))
    verdict = verify(answer, BULLETS, read("astronaut Neil Armstrong", 0.1), 0.5)
    assert verdict.parts == {
        "willing": 0.75,
        "certain": 0.5,
        "sure": round(math.sqrt(0.9 * 0.5), 4),
        "brief": round(1 - 1 / 11, 4),
        "coverage": 1.0,
        "bigrams": 1.0,
        "numbers": 1.0,
        "names": 1.0,
        "agreement": 0.8,
        "answerable": 0.9,
        "span": 0.9,
        "standing": 0.0,
    }
    assert WEIGHTS.keys() == {"agreement", "answerable", "willing", "certain", "samples"}
    assert sum(WEIGHTS.values()) - WEIGHTS["samples"] == pytest.approx(1)
    willing, certain = 0.75 * WEIGHTS["willing"], 0.5 * WEIGHTS["certain"]
    read_out = 0.8 * WEIGHTS["agreement"] + 0.9 * WEIGHTS["answerable"]
    assert verdict.score == pytest.approx(read_out + willing + certain)
    sampled = verify(answer, BULLETS, read("astronaut Neil Armstrong", 0.1), 0.5, extra={"samples": 0.4})
    with_samples = verdict.score + 0.4 * WEIGHTS["samples"]
    assert sampled.score == pytest.approx(with_samples / (1 + WEIGHTS["samples"]))
    unread = (willing + certain) / (WEIGHTS["willing"] + WEIGHTS["certain"])
    assert verify(answer, BULLETS, None, 0.5).score == pytest.approx(unread)
    assert verify(answer, (), None, 0.5).score == 0.75


def test_what_a_tier_does_not_tell_counts_as_nothing() -> None:
    """It once counted as all of it: willing, certain and sure were 1 for every endpoint."""
    silent = said("Neil Armstrong", 1, refusal=None, logprobs=())
    verdict = verify(silent, BULLETS, read("Neil Armstrong", 0.4), 0.5)
    assert not verdict.parts.keys() & {"willing", "certain", "sure"}
    whole = WEIGHTS["agreement"] + WEIGHTS["answerable"]
    assert verdict.score == pytest.approx((WEIGHTS["agreement"] + 0.6 * WEIGHTS["answerable"]) / whole)
    assert verify(silent, BULLETS, None, 0.5).score == verify(silent, (), None, 0.5).score == 0.5


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        (said("16 July 1969", 2), True),
        (said("16 July 1968", 2), False),
        (said("16 July 1969", 1), False),
        (said("16 July 1969", 1, 2), True),
        (said("16 July 1969"), True),
        (said("3,474 kilometres", 3), True),
        (said("474 kilometres", 3), False),
        (said("Buzz Aldrin walked on Mars", 1), False),
        (said("the first person who walks", 1), True),
    ],
)
def test_an_answer_that_its_cited_evidence_does_not_hold_gets_half(answer: Answer, held: bool) -> None:
    """A number must stand there whole, at least half of the words (as stems) must; no
    citation: all bullets."""
    found = read(answer.text)
    score = verify(answer, BULLETS, found, 0).score
    assert score == pytest.approx(1.0 if held else 0.5)


@pytest.mark.parametrize(
    ("answer", "found", "reason"),
    [
        (said("1968", 2), read("1968"), "the year 1968 is not in bullet 2"),
        (said("Armstrong", 1), read("the Moon"), "the reader finds another answer in the evidence"),
        (said("Armstrong", 1), read("Armstrong", 0.9), "the reader finds no answer in the evidence"),
        (
            said("Armstrong", 1, refusal=0.9),
            read("Armstrong", 0.2),
            "the model would rather say it does not know",
        ),
        (
            said("Armstrong", 1, logprobs=(-0.1, -3.0)),
            read("Armstrong", 0.2),
            "the model was unsure of a word of its answer",
        ),
    ],
)
def test_a_refusal_names_its_weakest_part(answer: Answer, found: Found, reason: str) -> None:
    assert verify(answer, BULLETS, found, 1.0).reason == f"refused: {reason}"
    assert "no evidence" in verify(answer, (), None, 1.01).reason


def test_a_score_equal_to_tau_is_accepted() -> None:
    answer = said("Neil Armstrong", 1, refusal=0.4)
    score = verify(answer, BULLETS, read("Neil", 0.3), 0).score
    assert 0.4 < score < 1
    assert verify(answer, BULLETS, read("Neil", 0.3), score).supported
    assert not verify(answer, BULLETS, read("Neil", 0.3), math.nextafter(score, 2)).supported


texts = st.lists(
    st.sampled_from(["moon", "moons", "Moon", "1969", "the", "of", "Mars", "rocket"]), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(texts.map(" ".join), texts.map(" ".join))
def test_overlap_is_symmetric_token_f1_over_stems(one: str, other: str) -> None:
    def stems(text: str) -> Counter[str]:
        known = {"moon": "moon", "moons": "moon", "1969": "1969", "mars": "mar", "rocket": "rocket"}
        kept = [known[word] for word in text.lower().split() if word in known]
        return Counter(kept or text.lower().split())

    ours, theirs = stems(one), stems(other)
    shared, both = (ours & theirs).total(), ours.total() + theirs.total()
    assert overlap(one, other) == pytest.approx(2 * shared / both if both else 0.0)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == (1.0 if one else 0.0)
