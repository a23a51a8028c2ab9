"""Run arms over questions: tau on dev, answers on test, latency one question at a time. Knows no
database and writes no file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.data.records import Question
from engine.evaluation.scoring import Scored, score
from engine.evaluation.threshold import Threshold, choose
from engine.inference.extract import Found, Reader
from engine.inference.orchestrator import AnswerSpec, Parts, answer, answer_many, last
from engine.inference.trace import Trace
from engine.progress import Progress, Report, silent

WARM_UP = 2


@dataclass(frozen=True)
class ArmResult:
    """One arm's answers to the test questions, the threshold chosen for it (None where the model decides
    alone), and the traces of the questions that were timed one by one."""

    scored: tuple[Scored, ...]
    threshold: Threshold | None
    timed: tuple[Trace, ...]


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
    """Answer `test` under `spec`; an arm with evidence first gets its tau from `dev`.

    `remembered` stands in for the reader where time is not measured. `timed` test questions, spread over the
    list, are answered again one at a time after WARM_UP others, for latency only.
    """
    threshold = None
    batched = replace(parts, reader=remembered or parts.reader)
    if spec.evidence:
        threshold = tune(batched, spec, dev, report)
        spec = spec.model_copy(update={"tau": threshold.tau})
    traces = answer_many(batched, [question.question for question in test], spec, report)
    scored = tuple(score(question, trace) for question, trace in zip(test, traces, strict=True))
    return ArmResult(
        scored, threshold, time_answers(parts, spec, [question.question for question in test], timed, report)
    )


def tune(parts: Parts, spec: AnswerSpec, dev: Sequence[Question], report: Report = silent) -> Threshold:
    """The threshold for these parts and this spec, chosen on `dev`."""
    answered = spec.model_copy(update={"tau": 0.0})
    traces = answer_many(parts, [question.question for question in dev], answered, report)
    scores = [trace.verdict.score if trace.verdict else -1.0 for trace in traces]
    return choose(scores, [score(question, trace).f1 for question, trace in zip(dev, traces, strict=True)])


def time_answers(
    parts: Parts, spec: AnswerSpec, questions: Sequence[str], count: int, report: Report = silent
) -> tuple[Trace, ...]:
    """`count` of the questions, evenly spread, answered one at a time after WARM_UP
    answers that are thrown away."""
    count = min(count, len(questions))
    chosen = [questions[place * len(questions) // count] for place in range(count)]
    others = [question for question in questions if question not in chosen]
    for question in (others or chosen)[: WARM_UP if chosen else 0]:
        last(answer(parts, question, spec))
    traces = []
    for done, question in enumerate(chosen, 1):
        traces.append(last(answer(parts, question, spec)))
        report(Progress("latency", done, count, "questions"))
    return tuple(traces)
