"""The one path from a question to its answer: retrieve, compress, prompt, draft, look again, verify, decide,
and where the draft is doubted ask the next tier.

`answer` takes one question and yields an event a stage, timed; `answer_many` runs the same stages over many
questions in batches and returns their traces, each with its own error where one can't be answered. Closing
the generator stops the model. Knows no scores, no database and no screen.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from engine.errors import ConfigError, LabError
from engine.inference.cascade import SILENT
from engine.inference.case import Case
from engine.inference.events import (
    Answered,
    Compressed,
    Drafted,
    Escalated,
    Event,
    Prompted,
    Retrieved,
    Routed,
    Sampled,
    Token,
    Verified,
)
from engine.inference.ladder import decided, failed_tier, route, routes
from engine.inference.parts import Parts
from engine.inference.shape import shaped
from engine.inference.spec import LONGEST_QUESTION, AnswerSpec
from engine.inference.stages import Stage, evidence_stages, sample, tier_stages, verify_samples
from engine.inference.tiers import Reads, Said, Streams, Tier
from engine.inference.trace import Trace, Verdict
from engine.progress import Report, silent

__all__ = [
    "AnswerSpec",
    "Answered",
    "Compressed",
    "Drafted",
    "Escalated",
    "Event",
    "Parts",
    "Prompted",
    "Reads",
    "Retrieved",
    "Routed",
    "Sampled",
    "Token",
    "Verified",
    "all_answered",
    "answer",
    "answer_many",
    "last",
]


def answer(parts: Parts, question: str, spec: AnswerSpec) -> Iterator[Event]:
    """Answer one question, yielding an event after each stage; the last is Answered. Times are wall-clock
    milliseconds. A tier that fails (LabError) is passed over if there is another; what is known up to there
    is in the trace, and `trace.error` says it if nothing was left to ask."""
    _check(question)
    case, ladder = Case(question), parts.ladder
    for name, stage in evidence_stages(spec):
        yield _timed(name, stage, parts, case, spec)
    if routes(case, spec, ladder):
        yield _timed("route", route, parts, case, spec)
    while not case.done:
        tier, failed = ladder[case.place], False
        try:
            prefix = "" if case.place == case.start else f"{tier.name}: "
            for name, stage in tier_stages(spec, tier):
                if name == "draft" and isinstance(tier, Streams) and (case.bullets or not spec.evidence):
                    yield from _streamed(tier, case, spec, prefix)
                else:
                    yield _timed(name, stage, parts, case, spec, prefix)
            reason, action = decided(case, spec, ladder)
            if action == "sample":
                yield _timed("sample", sample, parts, case, spec, prefix)
                yield _timed("verify samples", verify_samples, parts, case, spec, prefix)
                reason, action = decided(case, spec, ladder)
        except LabError as error:
            reason, failed = failed_tier(case, tier, error, ladder), True
        if not case.done:
            yield Escalated(tier.name, ladder[case.place].name, reason, failed)
    yield Answered(_trace(case, ladder, spec, timed=True))


def answer_many(
    parts: Parts, questions: Sequence[str], spec: AnswerSpec, report: Report = silent
) -> list[Trace]:
    """Answer many questions in batches, in order; the traces carry no times, because nobody
    waits for one of them. A question that can't be answered has `trace.error`, and the others go on; what
    concerns them all before any tier is asked (no index) is raised."""
    cases, ladder = [_checked(question) for question in questions], parts.ladder
    fit = [case for case in cases if not case.done]
    for _, stage in evidence_stages(spec) if fit else []:
        stage(parts, fit, spec, report)
    route(parts, [case for case in fit if routes(case, spec, ladder)], spec, report)
    while waiting := [case for case in fit if not case.done]:
        place = min(case.place for case in waiting)
        mine = [case for case in waiting if case.place == place]
        stages = [stage for _, stage in tier_stages(spec, ladder[place])]
        mine = _through(stages, parts, mine, spec, report)
        again = [case for case in mine if decided(case, spec, ladder)[1] == "sample"]
        for case in _through([sample, verify_samples], parts, again, spec, report):
            decided(case, spec, ladder)
    return [_trace(case, ladder, spec, timed=False) for case in cases]


def all_answered(traces: Sequence[Trace]) -> list[Trace]:
    """The traces, if every question was answered. Raises LabError with the first that was not: for those who
    measure or keep answers."""
    failed = [trace for trace in traces if trace.error]
    if failed:
        raise LabError(f"{len(failed)} of {len(traces)} questions could not be answered. {failed[0].error}")
    return list(traces)


def _checked(question: str) -> Case:
    case = Case(question)
    try:
        _check(question)
    except ConfigError as error:
        case.done, case.error = True, str(error)
    return case


def _through(
    stages: Sequence[Stage], parts: Parts, cases: list[Case], spec: AnswerSpec, report: Report
) -> list[Case]:
    """Run one tier's stages; the cases that got through. Those that did not go where their failure sends
    them."""
    for stage in stages:
        if not cases:
            break
        try:
            stage(parts, cases, spec, report)
        except LabError as raised:
            for case in cases:
                case.failed = raised
        through = []
        for case in cases:
            error, case.failed = case.failed, None
            if error is None:
                through.append(case)
            else:
                failed_tier(case, parts.ladder[case.place], error, parts.ladder)
        cases = through
    return cases


def last(events: Iterator[Event]) -> Trace:
    """The trace at the end of `answer`'s events. Raises LabError when nothing could be asked."""
    for event in events:
        if isinstance(event, Answered):
            if event.trace.error:
                raise LabError(event.trace.error)
            return event.trace
    raise ValueError("the events ended without an answer")


def _trace(case: Case, ladder: tuple[Tier, ...], spec: AnswerSpec, *, timed: bool) -> Trace:
    trace = case.trace(ladder, timed=timed)
    return replace(trace, shaped=shaped(trace.answer, trace.bullets, trace.question, spec.shape))


def _check(question: str) -> None:
    """Raise ConfigError for what no tokenizer should be given."""
    if not question.strip():
        raise ConfigError("The question is empty: write one.")
    if len(question) > LONGEST_QUESTION:
        raise ConfigError(
            f"The question has {len(question):,} characters and {LONGEST_QUESTION:,} can be asked: shorten "
            "it, and put long text among the documents."
        )
    if any("\ud800" <= letter <= "\udfff" for letter in question):
        raise ConfigError(
            "The question holds half characters (lone surrogates), which are no text: write it again."
        )


def _timed(name: str, stage: Stage, parts: Parts, case: Case, spec: AnswerSpec, prefix: str = "") -> Event:
    begun = time.perf_counter()
    stage(parts, [case], spec, silent)
    if case.failed:
        error, case.failed = case.failed, None
        raise error
    ms = 1000 * (time.perf_counter() - begun)
    case.took(prefix + name, ms)
    return _event(name, parts, case, ms)


def _streamed(tier: Streams, case: Case, spec: AnswerSpec, prefix: str) -> Iterator[Event]:
    """The draft as it comes. Only the model's own time counts, not that of who listens; leaving stops it."""
    one, spent = case.now, 0.0
    guess = case.tries[-2].answer.raw if len(case.tries) > 1 and not case.tries[-2].answer.refused else ""
    pieces = tier.stream(one.shown, ban=spec.tau is not None, max_new_tokens=spec.max_new_tokens, guess=guess)
    with closing(pieces):  # type: ignore[type-var]
        while True:
            begun = time.perf_counter()
            piece = next(pieces, None)
            spent += 1000 * (time.perf_counter() - begun)
            if not isinstance(piece, Token):
                break
            yield piece
    if isinstance(piece, Said):
        one.answer = case.take(piece) or one.answer
    case.took(prefix + "draft", spent)
    yield Drafted(one.answer, False, spent, one.tier.name)


def _event(name: str, parts: Parts, case: Case, ms: float) -> Event:
    if name == "retrieve":
        return Retrieved(case.hits, ms, case.low)
    if name == "compress":
        return Compressed(case.bullets, ms)
    if name == "route":
        tier = parts.ladder[case.place].name
        return Routed(tier, f"{tier} starts: {case.routed}", ms)
    one = case.now
    if name == "prompt":
        final = case.place == len(parts.ladder) - 1
        return Prompted(one.first, case.full_tokens, ms, one.tier.name, one.dropped, final)
    if name == "sample":
        return Sampled(one.samples, one.agreement or 0.0, ms, one.tier.name)
    if name.startswith("verify"):
        silence = Verdict(False, 0.0, {}, SILENT)
        return Verified(one.verdict or silence, ms, one.tier.name)
    return Drafted(one.answer, one.again, ms, one.tier.name)
