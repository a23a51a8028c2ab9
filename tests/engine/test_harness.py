"""An arm gets its threshold from dev, its scores from test, and its times one question at a time."""

from collections.abc import Sequence
from typing import Any

import pytest

from engine.evaluation import harness
from engine.evaluation.harness import WARM_UP, ArmResult, Remembered, run_arm, time_answers, tune
from engine.evaluation.scoring import score
from engine.evaluation.threshold import choose
from engine.inference.extract import Found
from engine.inference.orchestrator import AnswerSpec, Parts, answer_many
from engine.progress import Progress
from tests.corpus import QUESTIONS, UNANSWERABLE

DEV = (*QUESTIONS[:3], *UNANSWERABLE[:2])
TEST = (*QUESTIONS[3:6], UNANSWERABLE[2], QUESTIONS[6])
ASKED = [question.question for question in TEST]
CLOSED = AnswerSpec(evidence=False, max_new_tokens=4)


@pytest.fixture(scope="module")
def parts(small: Any, corpus_index: Any, reader: Any) -> Parts:
    return Parts(small, corpus_index, reader)


@pytest.fixture(scope="module")
def result(parts: Parts) -> ArmResult:
    return run_arm(parts, AnswerSpec(), DEV, TEST, timed=2)


class Counting:
    """The reader, with what it was asked."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.asked: list[tuple[str, str]] = []

    def read(self, questions: Sequence[str], contexts: Sequence[str], **options: Any) -> list[Found]:
        self.asked += zip(questions, contexts, strict=True)
        return list(self.reader.read(questions, contexts, **options))


def test_the_threshold_is_the_one_chosen_on_dev_answers(parts: Parts, result: ArmResult) -> None:
    """Each dev question is answered whatever its score, so that every threshold can be tried."""
    traces = answer_many(parts, [question.question for question in DEV], AnswerSpec(tau=0.0))
    assert all(trace.verdict and trace.verdict.supported for trace in traces)
    gains = [score(question, trace).f1 for question, trace in zip(DEV, traces, strict=True)]
    assert gains[3:] == [None, None] and None not in gains[:3]
    assert result.threshold == choose([trace.verdict.score for trace in traces if trace.verdict], gains)
    assert result.threshold == tune(parts, AnswerSpec(tau=0.9), DEV).threshold, (
        "the threshold so far does not count"
    )


class Doubting:
    """A reader that never finds an answer, so that every score is low."""

    def read(self, questions: Sequence[str], contexts: Sequence[str], **_: Any) -> list[Found]:
        return [Found("", 0, 0, 0.0, 1.0)] * len(questions)


def test_an_answer_counts_on_dev_however_low_its_score(parts: Parts) -> None:
    doubted = Parts(parts.loaded, parts.index, Doubting())
    calibration, threshold = tune(doubted, AnswerSpec(look_again=False), QUESTIONS[:3])
    assert calibration is None, "three questions are too few"
    assert (threshold.tau, threshold.refused) == (0.0, None)
    assert threshold.f1 > 0.5


def test_the_test_questions_are_answered_under_that_threshold(parts: Parts, result: ArmResult) -> None:
    assert [one.question for one in result.scored] == list(TEST)
    assert result.threshold is not None
    traces = answer_many(parts, ASKED, AnswerSpec(tau=result.threshold.tau))
    for one, question, trace in zip(result.scored, TEST, traces, strict=True):
        assert one == score(question, trace)
        assert trace.answer.refused == (trace.verdict.score < result.threshold.tau)


def test_the_test_questions_do_not_move_the_threshold(parts: Parts, result: ArmResult) -> None:
    other = run_arm(parts, AnswerSpec(), DEV, TEST[:1], timed=0)
    assert other.threshold == result.threshold
    assert other.timed == ()


def test_an_arm_without_evidence_has_no_threshold(parts: Parts) -> None:
    closed = run_arm(Parts(parts.loaded), CLOSED, DEV, TEST, timed=1)
    assert closed.threshold is None
    assert [one.trace for one in closed.scored] == answer_many(Parts(parts.loaded), ASKED, CLOSED)
    assert len(closed.timed) == 1


def test_only_what_was_asked_one_by_one_is_timed(result: ArmResult) -> None:
    assert not any(one.trace.timed or one.trace.ms for one in result.scored)
    assert [trace.question for trace in result.timed] == [ASKED[0], ASKED[2]]
    assert all(trace.timed and sum(trace.ms.values()) > 0 for trace in result.timed)
    for trace in result.timed:
        same = next(one.trace for one in result.scored if one.trace.question == trace.question)
        assert trace.answer.text == same.answer.text


@pytest.mark.parametrize(
    ("count", "places"), [(4, [0, 2, 5, 7]), (1, [0]), (3, [0, 3, 6]), (99, list(range(10))), (0, [])]
)
def test_the_timed_questions_are_spread_and_come_after_a_warm_up(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, count: int, places: list[int]
) -> None:
    questions = [f"Who is number {number}?" for number in range(10)]
    asked: list[str] = []
    answer = harness.answer

    def recorded(parts: Parts, question: str, spec: AnswerSpec) -> Any:
        asked.append(question)
        return answer(parts, question, spec)

    monkeypatch.setattr(harness, "answer", recorded)
    reports: list[Any] = []
    traces = time_answers(Parts(parts.loaded), CLOSED, questions, count, reports.append)
    chosen = [questions[place] for place in places]
    assert [trace.question for trace in traces] == chosen
    warm = asked[: len(asked) - len(chosen)]
    assert asked[len(warm) :] == chosen
    assert len(warm) == (WARM_UP if chosen else 0)
    if len(questions) - len(chosen) >= WARM_UP:
        assert not set(warm) & set(chosen)
    latency = [one for one in reports if one.stage == "latency"]
    assert latency == [Progress("latency", n + 1, len(places), "questions") for n in range(len(places))]


def test_no_questions_take_no_time(parts: Parts) -> None:
    assert time_answers(Parts(parts.loaded), CLOSED, [], 30) == ()


def test_what_one_arm_has_read_the_next_does_not_read_again(parts: Parts, reader: Any) -> None:
    """Not so what is timed: there the reader itself is asked each time."""
    counting = Counting(reader)
    remembered = Remembered(counting)  # type: ignore[arg-type]
    spec = AnswerSpec(look_again=False)
    run_arm(parts, spec, DEV, TEST, timed=0, remembered=remembered)
    first = len(counting.asked)
    assert first == len(DEV) + len(TEST)
    own = Counting(reader)
    timed = run_arm(Parts(parts.loaded, parts.index, own), spec, DEV, TEST, timed=2, remembered=remembered)
    assert len(counting.asked) == first
    assert len(own.asked) == WARM_UP + 2
    plain = run_arm(parts, spec, DEV, TEST, timed=0)
    assert [one.trace.answer for one in timed.scored] == [one.trace.answer for one in plain.scored]


def test_remembered_answers_are_the_readers_own_in_any_order_and_with_repeats(reader: Any) -> None:
    pairs = [(question.question, question.evidence) for question in QUESTIONS[:3]]
    asked = [pairs[0], pairs[1], pairs[0]]
    remembered = Remembered(reader)
    first = remembered.read(*zip(*asked, strict=True))
    again = remembered.read(*zip(*pairs[::-1], strict=True))
    assert first[0] == first[2] == again[2]
    assert again[1] == first[1]
    own = reader.read(*zip(*pairs[::-1], strict=True))
    assert [(one.text, one.start, one.end) for one in again] == [
        (one.text, one.start, one.end) for one in own
    ]
    assert [one.none for one in again] == pytest.approx([one.none for one in own], abs=1e-4)
    assert remembered.read([], []) == []
