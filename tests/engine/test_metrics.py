"""EM and F1 are SQuAD's; containment is of whole words; citations are right for the reasons the docstring
gives.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import metrics
from engine.inference.trace import Answer, Bullet

WORDS = (
    "a an the A AN The THE the-a a. theatre . - — … “ ” ' !? $5 3,474 3474 1/2 moon Moon moon's MOON moons "
    "é e\u0301 İ i̇ ß SS １ 월 中文 \u200b \u00ad _ a_b the_ (a) ñ ﬁ 0.5 05"
)
AWKWARD = WORDS.split(" ")
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u2028", "\x1c", "\x85", ""]
awkward_texts = st.lists(st.tuples(st.sampled_from(AWKWARD), st.sampled_from(SPACES)), max_size=6).map(
    lambda pairs: "".join(word + space for word, space in pairs)
)
texts = (
    awkward_texts
    | st.text(max_size=20)
    | st.sampled_from(["", " ", ".", "the", "a the an", "the the moon moon"])
)


def torchmetrics_squad(prediction: str, golds: list[str]) -> tuple[float, float]:
    from torchmetrics.functional.text import squad

    result = squad(
        {"prediction_text": prediction, "id": "1"},
        {"answers": {"answer_start": [0] * len(golds), "text": golds}, "id": "1"},
    )
    return float(result["exact_match"]) / 100, float(result["f1"]) / 100


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_em_and_f1_equal_torchmetrics_squad(prediction, golds):
    em, f1 = torchmetrics_squad(prediction, golds)
    assert metrics.exact_match(prediction, golds) == em
    assert metrics.f1(prediction, golds) == pytest.approx(f1, abs=1e-6)


@pytest.mark.parametrize(
    ("prediction", "gold", "em", "f1"),
    [
        ("", "", 1, 1),
        ("the", "", 1, 1),
        (".", "An", 1, 1),
        ("", "moon", 0, 0),
        ("moon", "the", 0, 0),
        ("The Moon!", "moon", 1, 1),
        ("moon moon moon", "moon", 0, 0.5),
        ("a well-known moon", "wellknown moon", 1, 1),
        ("full moon", "new moon", 0, 0.5),
    ],
)
def test_em_and_f1_of_edge_cases_are_as_decided(prediction, gold, em, f1):
    assert (metrics.exact_match(prediction, [gold]), metrics.f1(prediction, [gold])) == (em, f1)
    assert torchmetrics_squad(prediction, [gold]) == pytest.approx((em, f1))


@given(texts, st.lists(texts, min_size=1, max_size=3), texts)
def test_another_accepted_answer_never_lowers_a_score(prediction, golds, more):
    for metric in (metrics.exact_match, metrics.f1, metrics.accuracy):
        assert 0 <= metric(prediction, golds) <= metric(prediction, [*golds, more]) <= 1


@given(texts, texts)
def test_an_exact_match_has_full_f1_and_is_contained_unless_nothing_is_left(prediction, gold):
    if metrics.exact_match(prediction, [gold]):
        assert metrics.f1(prediction, [gold]) == 1
        assert metrics.accuracy(prediction, [gold]) == float(metrics.normalize(gold) != "")


@given(texts, texts, texts)
def test_accuracy_finds_the_gold_between_other_words_and_only_there(before, gold, after):
    words = metrics.normalize(gold)
    assert metrics.accuracy(f"{before} {gold} {after}", [gold]) == float(words != "")
    padded = f" {metrics.normalize(before)} "
    assert metrics.accuracy(before, [gold]) == float(words != "" and f" {words} " in padded)


def test_accuracy_is_of_whole_words_in_their_order():
    assert metrics.accuracy("a part of it", ["art"]) == 0
    assert metrics.accuracy("Armstrong, Neil", ["Neil Armstrong"]) == 0
    assert metrics.accuracy("It was Neil the Armstrong.", ["Neil Armstrong"]) == 1
    assert metrics.accuracy("anything", ["the", "."]) == 0


def answer(*citations: int, refused: bool = False) -> Answer:
    return Answer(text="1969", raw="1969", refused=refused, citations=citations)


def bullets(*texts: str) -> tuple[Bullet, ...]:
    return tuple(Bullet(n, text, "d", 0, 0, len(text), 1.0) for n, text in enumerate(texts, start=1))


EVIDENCE = "Apollo 11 landed on the Moon in July of that year."
SHOWN = bullets(
    "The landing was in 1969.",
    "Saturn has rings.",
    EVIDENCE,
    "Apollo 11 landed on the Moon in July.",
    "Apollo 11",
    "Long before, Apollo 11 landed on the Moon in July of that year, they say.",
    "Apollo 11 landed on Moon in July of this year.",
)


@pytest.mark.parametrize(
    ("cited", "correct", "precision"),
    [
        ((1,), 1, 1),
        ((2,), 0, 0),
        ((1, 2), 1, 0.5),
        ((2, 1, 1), 1, 0.5),
        ((3,), 0, 1),
        ((4,), 0, 1),
        ((5,), 0, 0),
        ((6,), 0, 1),
        ((7,), 0, 1),
        ((2, 3, 1, 9), 1, 0.5),
        ((), 0, 0),
    ],
)
def test_citations_are_right_by_answer_or_by_evidence(cited, correct, precision):
    assert metrics.citation_correct(answer(*cited), SHOWN, ["1969"]) == correct
    assert metrics.citation_precision(answer(*cited), SHOWN, ["1969"], EVIDENCE) == precision


def test_citations_are_not_scored_for_refusals_and_without_bullets():
    for metric in (metrics.citation_correct, metrics.citation_precision):
        assert metric(answer(1, refused=True), SHOWN, ["1969"]) is None
        assert metric(answer(), (), ["1969"]) is None


def test_an_empty_evidence_supports_nothing():
    assert metrics.citation_precision(answer(1), bullets("..."), ["1969"], "") == 0
    assert metrics.citation_precision(answer(1), bullets("Saturn has rings."), ["1969"], "the") == 0


@pytest.mark.parametrize("metric", [metrics.exact_match, metrics.f1, metrics.accuracy])
@pytest.mark.parametrize(("golds", "error"), [([], ValueError), ("moon", TypeError)])
def test_golds_that_are_no_list_of_answers_are_refused(metric, golds, error):
    with pytest.raises(error, match="ccepted answers"):
        metric("moon", golds)
