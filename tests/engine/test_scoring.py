"""Refused is wrong where there is an answer, right where there is none, and not scored is never a number."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.records import Question
from engine.evaluation.bootstrap import paired_bootstrap
from engine.evaluation.scoring import Row, Scored, difference, score, summarize
from engine.evaluation.timing import by_stage, timings
from engine.inference.trace import Answer, Bullet, Trace

WHEN = Question(
    "q1", "When was the landing?", ("1969", "July 1969"), "apollo", "The landing was in July 1969."
)
WHO = Question("q2", "Who stayed in orbit?", ("Michael Collins",), "apollo", "Collins stayed in orbit.")
NOBODY = Question("q3", "Who was the cook?")
BULLETS = (
    Bullet(1, "The landing was in July 1969.", "apollo", 0, 0, 29, 1.0),
    Bullet(2, "Saturn has rings.", "saturn", 1, 0, 17, 0.2),
)


def trace(text: str = "", *cites: int, bullets: tuple[Bullet, ...] = (), **values) -> Trace:
    return Trace("", Answer(text, text, refused=not text, citations=cites), bullets, **values)


def test_an_answer_is_scored_by_every_metric():
    scored = score(WHEN, trace("In July 1969", 1, 2, bullets=BULLETS))
    assert (scored.em, scored.accuracy, scored.citation) == (0, 1, 0.5)
    assert scored.f1 == pytest.approx(0.8)


def test_refusing_an_answerable_question_is_wrong_and_cites_nothing():
    scored = score(WHEN, trace("", 1, bullets=BULLETS))
    assert (scored.em, scored.f1, scored.accuracy, scored.citation) == (0, 0, 0, None)


@pytest.mark.parametrize("text", ["", "James"])
def test_an_unanswerable_question_has_no_em(text):
    scored = score(NOBODY, trace(text, 1, bullets=BULLETS))
    assert (scored.em, scored.f1, scored.accuracy, scored.citation) == (None,) * 4


def scores(when: Trace, who: Trace, nobody: Trace) -> list[Scored]:
    return [score(WHEN, when), score(WHO, who), score(NOBODY, nobody)]


def two_arms() -> dict[str, list[Scored]]:
    plain = {"prompt_tokens": 30, "output_tokens": 3}
    backed = {"prompt_tokens": 90, "evidence_tokens": 50, "full_tokens": 200, "bullets": BULLETS}
    return {
        "RAG": scores(
            trace("1969", 1, **backed, output_tokens=3),
            trace("", **backed, output_tokens=6),
            trace("", **backed, output_tokens=6),
        ),
        "Baseline": scores(trace("1968", **plain), trace("Collins", **plain), trace("James", **plain)),
    }


def test_a_row_holds_shares_of_the_right_questions():
    rag, baseline = summarize(two_arms())
    assert (rag.em, rag.f1, rag.accuracy, rag.answered) == (50, 50, 50, 50)
    assert (rag.citation_precision, rag.unanswerable_refused) == (100, 100)
    assert (rag.prompt_tokens, rag.output_tokens, rag.token_reduction) == (90, 5, 75)
    assert baseline.f1 == pytest.approx(100 / 3)
    assert (baseline.answered, baseline.unanswerable_refused) == (100, 0)


def test_what_was_not_scored_is_none():
    rag, baseline = summarize(two_arms())
    assert (baseline.citation_precision, baseline.token_reduction) == (None, None)
    assert (baseline.f1_delta, baseline.f1_low, baseline.f1_high) == (None, None, None)
    assert (rag.p50_ms, rag.p95_ms) == (None, None)


def test_the_baseline_is_found_by_name_wherever_it_stands_and_else_is_the_first():
    rag, baseline = summarize(two_arms())
    assert rag.f1_delta == pytest.approx(rag.f1 - baseline.f1)
    arms = two_arms()
    first, second = summarize({"RAG": arms["RAG"], "Plain": arms["Baseline"]})
    assert first.f1_delta is None
    assert second.f1_delta == pytest.approx(-rag.f1_delta)


def test_only_traces_that_were_timed_alone_give_latency():
    ms = [12.0, 40.0, 8.0, 100.0]
    alone = [trace("x", ms={"retrieve": value / 4, "decode": value * 3 / 4}, timed=True) for value in ms]
    batched = trace("x", ms={"decode": 9999.0})
    arms = {"Baseline": scores(alone[0], batched, alone[1])}
    (own,) = summarize(arms)
    (measured,) = summarize(arms, {"Baseline": [*alone, batched]})
    assert (own.p50_ms, own.p95_ms) == pytest.approx(np.percentile([12, 40], [50, 95]))
    assert (measured.p50_ms, measured.p95_ms) == pytest.approx(np.percentile(ms, [50, 95]))


def test_a_stage_is_timed_over_the_questions_that_went_through_it_in_the_order_of_the_answer():
    rag = [
        trace("x", ms={"draft": 30.0, "look again": 8.0, "retrieve": 2.0}, timed=True),
        trace("x", ms={"draft": 10.0, "retrieve": 4.0, "large: draft": 100.0}, timed=True),
        trace("x", ms={"draft": 9999.0}),
    ]
    found = timings({"Baseline": [trace("x", ms={"draft": 5.0}, timed=True)], "RAG": rag})
    at = {(one.stage, one.arm): one[2:] for one in found}
    assert at["draft", "Baseline"] == (5, 5) and at["look again", "RAG"] == (8, 8)
    assert at["draft", "RAG"] == pytest.approx(np.percentile([30, 10], [50, 95]))
    assert at["all", "RAG"] == pytest.approx(np.percentile([40, 114], [50, 95]))
    assert [line[0] for line in by_stage(found)] == [
        "stage",
        "retrieve",
        "draft",
        "look again",
        "large: draft",
        "all",
    ]
    assert by_stage(found)[1] == ["retrieve", "-", "3.0 / 3.9"]
    assert timings({"RAG": rag[2:]}) == []


def test_one_answerable_question_gives_a_difference_without_an_interval():
    arms = {"Baseline": [score(WHEN, trace("1968"))], "RAG": [score(WHEN, trace("1969"))]}
    row = summarize(arms)[1]
    assert (row.f1_delta, row.f1_low, row.f1_high) == (100, None, None)


def test_any_two_arms_are_compared_by_the_questions_that_both_scored():
    """Their own paired differences count, not each one's to the baseline."""
    golds = [("1969", "1969"), ("1968", "1969"), ("1968", "July 1969"), ("", "1969"), ("July", "1969")]
    mine = [score(replace(WHEN, id=str(n)), trace(text)) for n, (_, text) in enumerate(golds)]
    other = [score(replace(WHEN, id=str(n)), trace(text)) for n, (text, _) in enumerate(golds)]
    nobody = score(NOBODY, trace("James"))
    found = difference([*mine, nobody], [*other, nobody])
    alone = paired_bootstrap([s.f1 for s in mine], [s.f1 for s in other])
    assert found == pytest.approx([100 * value for value in alone])
    assert difference([nobody], [nobody]) == (None, None, None)
    with pytest.raises(ValueError, match="same questions"):
        difference(mine, other[::-1])


def test_arms_that_answered_other_questions_are_not_compared():
    arms = two_arms()
    for others in (arms["RAG"][::-1], arms["RAG"][:2], []):
        with pytest.raises(ValueError, match="'Baseline' and 'RAG'"):
            summarize({"RAG": others, "Baseline": arms["Baseline"]})


def test_no_arms_and_no_questions_give_no_numbers():
    assert summarize({}) == []
    (row,) = summarize({"Baseline": []})
    assert [getattr(row, field.name) for field in fields(Row)] == ["Baseline"] + [None] * 14


answers = st.sampled_from(["", "1969", "July", "Michael Collins", "the", "Michael Jackson 1969"])
runs = st.lists(
    st.tuples(st.sampled_from([WHEN, WHO, NOBODY]), answers, answers, st.integers(0, 50), st.booleans()),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_numbers_are_finite_in_range_and_consistent(runs):
    arms: dict[str, list[Scored]] = {"Baseline": [], "RAG": []}
    for question, plain, backed, tokens, timed in runs:
        shown = {
            "bullets": BULLETS,
            "evidence_tokens": tokens,
            "full_tokens": 50,
            "timed": timed,
            "ms": {"all": 2.0},
        }
        arms["Baseline"].append(score(question, trace(plain)))
        arms["RAG"].append(score(question, trace(backed, 1, **shown)))
    for row in summarize(arms):
        numbers = {f.name: getattr(row, f.name) for f in fields(Row) if f.name != "arm"}
        assert all(value is None or math.isfinite(value) for value in numbers.values())
        for name in (
            "em",
            "f1",
            "accuracy",
            "answered",
            "citation_precision",
            "unanswerable_refused",
            "token_reduction",
        ):
            assert numbers[name] is None or 0 <= numbers[name] <= 100
        if row.em is not None:
            assert row.em <= row.f1 + 1e-9
            assert row.em <= row.answered + 1e-9
        assert (row.f1_low is None) == (row.f1_high is None)
        if row.f1_low is not None:
            assert row.f1_low - 1e-9 <= row.f1_delta <= row.f1_high + 1e-9
