"""Run arms over questions: tau on dev, answers on test, latency one question at a time. Knows no database and writes no file."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.data.records import Question
from engine.evaluation.scoring import Scored, score
from engine.evaluation.threshold import Threshold, choose
from engine.inference.orchestrator import AnswerSpec, Parts, answer, answer_many, last
from engine.inference.trace import Trace
from engine.progress import Progress, Report, silent

WARM_UP = 2


@dataclass(frozen=True)
class ArmResult:
    """One arm's answers to the test questions, the threshold chosen for it (None where the model decides alone), and the traces of
    the questions that were timed one by one."""

    scored: tuple[Scored, ...]
    threshold: Threshold | None
    timed: tuple[Trace, ...]


def run_arm(
    parts: Parts,
    spec: AnswerSpec,
    dev: Sequence[Question],
    test: Sequence[Question],
    *,
    timed: int = 30,
    report: Report = silent,
) -> ArmResult:
    """Answer `test` under `spec`; an arm with evidence first gets its tau from `dev`.

    `timed` test questions, spread over the list, are answered again one at a time after WARM_UP others, for latency only.
    """
    threshold = None
    if spec.evidence:
        threshold = tune(parts, spec, dev, report)
        spec = spec.model_copy(update={"tau": threshold.tau})
    traces = answer_many(parts, [question.question for question in test], spec, report)
    scored = tuple(score(question, trace) for question, trace in zip(test, traces, strict=True))
    return ArmResult(scored, threshold, time_answers(parts, spec, [question.question for question in test], timed, report))


def tune(parts: Parts, spec: AnswerSpec, dev: Sequence[Question], report: Report = silent) -> Threshold:
    """The threshold for these parts and this spec, chosen on `dev`."""
    answered = spec.model_copy(update={"tau": 0.0})
    traces = answer_many(parts, [question.question for question in dev], answered, report)
    scores = [trace.verdict.score if trace.verdict else -1.0 for trace in traces]
    return choose(scores, [score(question, trace).f1 for question, trace in zip(dev, traces, strict=True)])


def time_answers(parts: Parts, spec: AnswerSpec, questions: Sequence[str], count: int, report: Report = silent) -> tuple[Trace, ...]:
    """`count` of the questions, evenly spread, answered one at a time after WARM_UP answers that are thrown away."""
    count = min(count, len(questions))
    chosen = [questions[place * len(questions) // count] for place in range(count)]
    for question in chosen[:WARM_UP]:
        last(answer(parts, question, spec))
    traces = []
    for done, question in enumerate(chosen, 1):
        traces.append(last(answer(parts, question, spec)))
        report(Progress("latency", done, count, "questions"))
    return tuple(traces)
