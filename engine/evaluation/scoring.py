"""Traces to scores, scores to the table's rows. It answers no question and prints nothing.

What is not scored is None throughout, never NaN and never 0: a refusal on an answerable question is wrong and
scores 0, an unanswerable question has no EM at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.data.records import Question
from engine.evaluation import metrics
from engine.evaluation.bootstrap import paired_bootstrap
from engine.evaluation.timing import percentiles
from engine.inference.trace import Trace

BASELINE = "Baseline"


@dataclass(frozen=True)
class Scored:
    """One answered question with its scores, 0..1. `citation` is citation_precision; None is not scored."""

    question: Question
    trace: Trace
    em: float | None
    f1: float | None
    accuracy: float | None
    citation: float | None


@dataclass(frozen=True)
class Row:
    """One arm in the table, in the order of report.csv. Scores and shares are 0-100, tokens are means a
    question, None is not scored. `f1_delta` is F1 minus the baseline's, `f1_low` and `f1_high` the ends of
    its 95 % interval.
    """

    arm: str
    em: float | None
    f1: float | None
    accuracy: float | None
    answered: float | None
    citation_precision: float | None
    unanswerable_refused: float | None
    prompt_tokens: float | None
    output_tokens: float | None
    token_reduction: float | None
    p50_ms: float | None
    p95_ms: float | None
    f1_delta: float | None
    f1_low: float | None
    f1_high: float | None


class Difference(NamedTuple):
    """F1 of one arm minus another's over the same questions, in points, with the ends of its 95 % interval;
    None is not known."""

    mean: float | None
    low: float | None
    high: float | None


def score(question: Question, trace: Trace) -> Scored:
    """The scores of one answer. Refusing an answerable question scores 0; an unanswerable one is only counted
    as refused or not (by `summarize`) and has no EM, F1, accuracy or citation. A question that could not be
    asked (trace.error) scores as one refused, but is never counted as rightly refused.
    """
    if not question.answerable:
        return Scored(question, trace, None, None, None, None)
    answer, golds = trace.answer, question.answers
    if answer.refused:
        return Scored(question, trace, 0.0, 0.0, 0.0, None)
    return Scored(
        question,
        trace,
        em=metrics.exact_match(answer.text, golds),
        f1=metrics.f1(answer.text, golds),
        accuracy=metrics.accuracy(answer.text, golds),
        citation=metrics.citation_precision(answer, trace.bullets, golds, question.evidence),
    )


def summarize(
    arms: Mapping[str, Sequence[Scored]], latencies: Mapping[str, Sequence[Trace]] | None = None
) -> list[Row]:
    """One row an arm, in the order given; the baseline is the arm named "Baseline", else the first.

    `latencies` holds, by arm, the traces of a pass that measured one question at a time; an arm that is not
    in it is timed by its own traces. Only traces with `timed` count, by the sum of their stages. ValueError
    if the arms did not answer the same questions in the same order: their F1 could not be paired.
    """
    if not arms:
        return []
    base = BASELINE if BASELINE in arms else next(iter(arms))
    expected = [scored.question.id for scored in arms[base]]
    for arm, scores in arms.items():
        if [scored.question.id for scored in scores] != expected:
            raise ValueError(
                f"Arms {base!r} and {arm!r} did not answer the same questions in the same order."
            )
    rows = []
    for arm, scores in arms.items():
        timed = (latencies or {}).get(arm) or [scored.trace for scored in scores]
        rows.append(_row(arm, scores, timed, None if arm == base else arms[base]))
    return rows


def _row(arm: str, scores: Sequence[Scored], timed: Sequence[Trace], base: Sequence[Scored] | None) -> Row:
    answerable = [s for s in scores if s.question.answerable]
    unanswerable = [s for s in scores if not s.question.answerable]
    traces = [s.trace for s in scores]
    full = sum(trace.full_tokens for trace in traces)
    p50, p95 = percentiles(sum(trace.ms.values()) for trace in timed if trace.timed) or (None, None)
    gain = Difference(None, None, None) if base is None else difference(scores, base)
    return Row(
        arm=arm,
        em=_percent(s.em for s in answerable),
        f1=_percent(s.f1 for s in answerable),
        accuracy=_percent(s.accuracy for s in answerable),
        answered=_percent(not s.trace.answer.refused for s in answerable),
        citation_precision=_percent(s.citation for s in answerable),
        unanswerable_refused=_percent(s.trace.answer.refused and not s.trace.error for s in unanswerable),
        prompt_tokens=_mean(trace.prompt_tokens for trace in traces),
        output_tokens=_mean(trace.output_tokens for trace in traces),
        token_reduction=100 * (1 - sum(t.evidence_tokens for t in traces) / full) if full else None,
        p50_ms=p50,
        p95_ms=p95,
        f1_delta=gain.mean,
        f1_low=gain.low,
        f1_high=gain.high,
    )


def difference(scores: Sequence[Scored], others: Sequence[Scored]) -> Difference:
    """F1 of `scores` minus that of `others`, paired by question. One question gives a difference but no
    interval. ValueError if they are not the same questions in the same order.
    """
    if [one.question.id for one in scores] != [one.question.id for one in others]:
        raise ValueError("Two arms did not answer the same questions in the same order.")
    pairs = [(s.f1, o.f1) for s, o in zip(scores, others, strict=True)]
    known = [(mine, other) for mine, other in pairs if mine is not None and other is not None]
    if not known:
        return Difference(None, None, None)
    interval = paired_bootstrap([mine for mine, _ in known], [other for _, other in known])
    if interval is None:
        return Difference(100 * (known[0][0] - known[0][1]), None, None)
    return Difference(100 * interval.mean, 100 * interval.low, 100 * interval.high)


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of what was scored, None where nothing was."""
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _percent(values: Iterable[float | None]) -> float | None:
    mean = _mean(values)
    return None if mean is None else 100 * mean
