"""Run arms over questions: tau on dev, answers on test, latency one question at a time. Knows no
database and writes no file."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.data.records import Question
from engine.errors import DataError, LabError
from engine.evaluation.calibrate import fit, out_of_fold
from engine.evaluation.scoring import Scored, score
from engine.evaluation.threshold import Threshold, choose
from engine.inference.belief import Calibration
from engine.inference.extract import Found, Reader
from engine.inference.orchestrator import AnswerSpec, Parts, all_answered, answer, answer_many, last
from engine.inference.trace import Trace
from engine.progress import Progress, Report, silent

WARM_UP = 2
RIGHT = 0.5


@dataclass(frozen=True)
class ArmResult:
    """One arm's answers to the test questions, the threshold chosen for it (None where the model decides
    alone), the traces of the questions that were timed one by one, and what turned its verdicts into
    P(correct), if dev was enough for that."""

    scored: tuple[Scored, ...]
    threshold: Threshold | None
    timed: tuple[Trace, ...]
    calibration: Calibration | None = None


class Tuned(NamedTuple):
    """What dev gives an arm: a calibration (None where it is too small for one) and a threshold."""

    calibration: Calibration | None
    threshold: Threshold


class Remembered:
    """A reader that reads each question over the same text once, since arms share their evidence.
    Not for measuring time."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.known: dict[tuple[str, str], Found] = {}

    def read(
        self, questions: Sequence[str], contexts: Sequence[str], *, report: Report = silent
    ) -> list[Found]:
        """As Reader.read."""
        pairs = list(zip(questions, contexts, strict=True))
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in self.known]
        found = self.reader.read([pair[0] for pair in missing], [pair[1] for pair in missing], report=report)
        self.known.update(zip(missing, found, strict=True))
        return [self.known[pair] for pair in pairs]


def run_arm(
    parts: Parts,
    spec: AnswerSpec,
    dev: Sequence[Question],
    test: Sequence[Question],
    *,
    timed: int = 30,
    remembered: Remembered | None = None,
    report: Report = silent,
) -> ArmResult:
    """Answer `test` under `spec`; an arm with evidence first gets its calibration and its tau from `dev`.

    `remembered` stands in for the reader where time is not measured. `timed` test questions, spread over the
    list, are answered again one at a time after WARM_UP others, for latency only.
    """
    threshold = calibration = None
    batched = replace(parts, reader=remembered or parts.reader)
    if spec.evidence:
        calibration, threshold = tune(batched, spec, dev, report)
        spec = spec.model_copy(update={"tau": threshold.tau})
        if calibration is not None:
            known = {parts.ladder[0].name: calibration}
            parts, batched = replace(parts, calibrations=known), replace(batched, calibrations=known)
    traces = _answered(batched, test, spec, report)
    scored = tuple(score(question, trace) for question, trace in zip(test, traces, strict=True))
    asked = [question.question for question in test]
    return ArmResult(scored, threshold, time_answers(parts, spec, asked, timed, report), calibration)


def tune(parts: Parts, spec: AnswerSpec, dev: Sequence[Question], report: Report = silent) -> Tuned:
    """The calibration and the threshold for these parts and this spec, from `dev`.

    The threshold is chosen on P(correct) of fits that have not seen the answer. Where dev is too small to
    calibrate, it is chosen on the uncalibrated scores.
    """
    answered = spec.model_copy(update={"tau": 0.0})
    traces = _answered(parts, dev, answered, report)
    scored = [score(question, trace) for question, trace in zip(dev, traces, strict=True)]
    judged = [one for one in scored if one.trace.verdict]
    calibration, scores = None, [one.trace.verdict.score if one.trace.verdict else -1.0 for one in scored]
    try:
        believed = iter(out_of_fold(*outcomes(judged)))
        calibration = fit(*outcomes(judged))
        scores = [next(believed) if one.trace.verdict else -1.0 for one in scored]
    except DataError as error:
        report(Progress("calibrate", 0, 0, "answers", f"uncalibrated: {error}"))
    return Tuned(calibration, choose(scores, [one.f1 for one in scored]))


def _answered(parts: Parts, questions: Sequence[Question], spec: AnswerSpec, report: Report) -> list[Trace]:
    """The traces of the questions. Some that could not be answered count against the arm (scoring.score) and
    are reported; where not one could be, there is nothing to measure, and its LabError is raised."""
    traces = answer_many(parts, [question.question for question in questions], spec, report)
    failed = [trace for trace in traces if trace.error]
    if failed and len(failed) == len(traces):
        all_answered(traces)
    if failed:
        note = f"{len(failed)} of {len(traces)} questions could not be answered: {failed[0].error}"
        report(Progress("answer", len(traces), len(traces), "answers", note))
    return traces


def outcomes(scored: Sequence[Scored]) -> tuple[list[dict[str, float]], list[bool]]:
    """The parts of the verdicts and whether the answers were right: what a calibration is fitted on."""
    judged = [one for one in scored if one.trace.verdict]
    return [one.trace.verdict.parts for one in judged if one.trace.verdict], [right(one) for one in judged]


def right(scored: Scored) -> bool:
    """Whether an answer counts as right for P(correct): at least RIGHT F1, or the accepted answer in it. An
    answer to a question without one is wrong."""
    return (scored.f1 or 0.0) >= RIGHT or scored.accuracy == 1.0


def time_answers(
    parts: Parts, spec: AnswerSpec, questions: Sequence[str], count: int, report: Report = silent
) -> tuple[Trace, ...]:
    """`count` of the questions, evenly spread, answered one at a time after WARM_UP
    answers that are thrown away. One that can't be answered has no time."""
    count = min(count, len(questions))
    chosen = [questions[place * len(questions) // count] for place in range(count)]
    others = [question for question in questions if question not in chosen]
    for question in (others or chosen)[: WARM_UP if chosen else 0]:
        with suppress(LabError):
            last(answer(parts, question, spec))
    traces = []
    for done, question in enumerate(chosen, 1):
        with suppress(LabError):
            traces.append(last(answer(parts, question, spec)))
        report(Progress("latency", done, count, "questions"))
    return tuple(traces)
