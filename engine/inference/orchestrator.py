"""The one path from a question to its answer: retrieve, compress, prompt, draft, look again, verify, decide,
and where the draft is doubted ask the next tier.

`answer` takes one question and yields an event a stage, timed; `answer_many` runs the same stages over many
questions in batches and returns their traces. Closing the generator stops the model. Knows no scores, no
database and no screen.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from engine.errors import ConfigError, LabError
from engine.inference.belief import Calibration
from engine.inference.cascade import Action, decide
from engine.inference.case import Case, Try
from engine.inference.cite import resolved
from engine.inference.consistency import cheaper, choose
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
from engine.inference.evidence import condense, extras, retrieve
from engine.inference.model import Loaded
from engine.inference.route import start
from engine.inference.shape import shaped
from engine.inference.spec import LONGEST_QUESTION, AnswerSpec
from engine.inference.tiers import (
    Asked,
    Draws,
    LocalTier,
    ReaderTier,
    Reads,
    Said,
    Streams,
    Tier,
    shares,
    spanned,
)
from engine.inference.trace import Answer, Trace, Verdict
from engine.inference.verify import overlap, verify
from engine.progress import Report, silent
from engine.retrieval.index import Index

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
    "answer",
    "answer_many",
    "last",
]


@dataclass(frozen=True)
class Parts:
    """What answers: a model, and with evidence an index and (for the verifier) a reader. `tiers` are asked
    after the model, cheapest first; without `loaded` the first of them starts. `calibrations` turn a tier's
    verdict into P(correct), by its name; a tier without one is weighed uncalibrated. `router` is that of
    engine.inference.route, which foresees whether the first tier will be right."""

    loaded: Loaded | None
    index: Index | None = None
    reader: Reads | None = None
    tiers: tuple[Tier, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    router: Calibration | None = None

    @property
    def ladder(self) -> tuple[Tier, ...]:
        """All tiers in the order they are asked. Raises ConfigError when there is none."""
        first = (LocalTier.of(self.loaded),) if self.loaded is not None else ()
        if not first + self.tiers:
            raise ConfigError("There is nothing to answer with: name a model or another tier.")
        return (*first, *self.tiers)


SHARED = ("retrieval", "relevance", "peer")  # parts that samples share with their draft
Stage = Callable[[Parts, Sequence[Case], AnswerSpec, Report], None]


def answer(parts: Parts, question: str, spec: AnswerSpec) -> Iterator[Event]:
    """Answer one question, yielding an event after each stage; the last is Answered. Times are wall-clock
    milliseconds. A tier that fails (LabError) is passed over if there is another; what is known up to there
    is in the trace, and `trace.error` says it if nothing was left to ask."""
    _check(question)
    case, ladder = Case(question), parts.ladder
    for name, stage in _evidence_stages(spec):
        yield _timed(name, stage, parts, case, spec)
    if _routes(case, spec, ladder):
        yield _timed("route", _route, parts, case, spec)
    while not case.done:
        tier, failed = ladder[case.place], False
        try:
            prefix = "" if case.place == case.start else f"{tier.name}: "
            for name, stage in _tier_stages(spec, tier):
                if name == "draft" and isinstance(tier, Streams) and (case.bullets or not spec.evidence):
                    yield from _streamed(tier, case, spec, prefix)
                else:
                    yield _timed(name, stage, parts, case, spec, prefix)
            reason, action = _decide(case, spec, ladder)
            if action == "sample":
                yield _timed("sample", _sample, parts, case, spec, prefix)
                yield _timed("verify samples", _verify_samples, parts, case, spec, prefix)
                reason, action = _decide(case, spec, ladder)
        except LabError as error:
            reason, failed = _failed(case, tier, error, ladder), True
        if not case.done:
            yield Escalated(tier.name, ladder[case.place].name, reason, failed)
    yield Answered(_trace(case, ladder, spec, timed=True))


def answer_many(
    parts: Parts, questions: Sequence[str], spec: AnswerSpec, report: Report = silent
) -> list[Trace]:
    """Answer many questions in batches, in order; the traces carry no times, because nobody
    waits for one of them."""
    cases, ladder = [Case(question) for question in questions], parts.ladder
    for _, stage in _evidence_stages(spec):
        stage(parts, cases, spec, report)
    _route(parts, [case for case in cases if _routes(case, spec, ladder)], spec, report)
    for place, tier in enumerate(ladder):
        mine = [case for case in cases if not case.done and case.place == place]
        for _, stage in _tier_stages(spec, tier) if mine else []:
            stage(parts, mine, spec, report)
        again = [case for case in mine if _decide(case, spec, ladder)[1] == "sample"]
        if again:
            _sample(parts, again, spec, report)
            _verify_samples(parts, again, spec, report)
            for case in again:
                _decide(case, spec, ladder)
    return [_trace(case, ladder, spec, timed=False) for case in cases]


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
        one.answer = piece.answer
        one.add(piece)
    case.took(prefix + "draft", spent)
    yield Drafted(one.answer, False, spent, one.tier.name)


def _evidence_stages(spec: AnswerSpec) -> list[tuple[str, Stage]]:
    if not spec.evidence:
        return []
    return [
        ("retrieve", lambda parts, cases, spec, _: retrieve(parts.index, cases, spec)),
        ("compress", lambda parts, cases, spec, _: condense(parts.index, cases, spec)),
    ]


def _routes(case: Case, spec: AnswerSpec, ladder: tuple[Tier, ...]) -> bool:
    """Whether there is a choice of who starts: further tiers may be asked, and there is evidence to go by."""
    return bool(spec.route and spec.accept is not None and len(ladder) > 1 and case.bullets)


def _route(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Choose the tier that starts: the first, or the next one; of an ensemble, which is asked as one, the
    last."""
    for case in cases:
        tried, case.routed = start(case, parts.router, spec.route)
        if not tried:
            case.place = case.start = len(parts.ladder) - 1 if spec.ensemble else 1


def _tier_stages(spec: AnswerSpec, tier: Tier) -> list[tuple[str, Stage]]:
    def prompt(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
        _prompt(tier, cases, spec)

    again: list[tuple[str, Stage]] = (
        [("look again", _look_again)] if spec.evidence and spec.look_again else []
    )
    return [("prompt", prompt), ("draft", _draft), ("read", _read), *again, ("verify", _verify)]


def _prompt(tier: Tier, cases: Sequence[Case], spec: AnswerSpec) -> None:
    for case in cases:
        shown, dropped = _fitting(tier, case, spec)
        made = Try(tier, shown, tier.tokens(shown), dropped)
        if spec.evidence and not case.tries:
            texts = [bullet.text for bullet in case.bullets] + [hit.chunk.text for hit in case.hits]
            lengths = tier.counts(texts)
            case.evidence_tokens = sum(lengths[: len(case.bullets)])
            case.full_tokens = sum(lengths[len(case.bullets) :])
        case.tries.append(made)


def _fitting(tier: Tier, case: Case, spec: AnswerSpec) -> tuple[Asked, int]:
    """The prompt for a tier. Where it is beyond the tier's window, `overlong` says what happens: an
    error when it is asked, or the bullets the compressor liked least are left out, as many as it takes,
    and it is noted."""
    kept = list(case.bullets)
    shown = Asked(case.question, tuple(bullet.text for bullet in kept))
    while spec.overlong == "drop" and len(kept) > 1 and not tier.fits(shown, spec.max_new_tokens):
        worst = min(kept, key=lambda bullet: bullet.score)
        kept = [bullet for bullet in kept if bullet is not worst]
        texts = {bullet.number: bullet.text for bullet in kept}
        # what is left out keeps its number, so that citations still name the bullets on the screen
        shown = Asked(case.question, tuple(texts.get(bullet.number, "...") for bullet in case.bullets))
    dropped = len(case.bullets) - len(kept)
    if dropped:
        case.notes.append(f"{dropped} bullets did not fit {tier.name}'s window and were left out")
    return shown, dropped


def _draft(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    for case in cases:
        if isinstance(case.now.tier, ReaderTier) and case.found is not None:
            case.now.answer = spanned(case.found, case.now.shown.evidence, ban=spec.tau is not None)
            case.now.asked = True
    waiting = [case.now for case in cases if (case.bullets or not spec.evidence) and not case.now.asked]
    if not waiting:
        return
    said = waiting[0].tier.answers(
        [one.shown for one in waiting],
        ban=spec.tau is not None,
        max_new_tokens=spec.max_new_tokens,
        report=report,
    )
    for one, made in zip(waiting, said, strict=True):
        one.answer = made.answer
        one.add(made)


def _read(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    asked = [case for case in cases if case.bullets and case.found is None] if parts.reader else []
    if parts.reader and asked:
        texts = [" ".join(bullet.text for bullet in case.bullets) for case in asked]
        for case, found in zip(
            asked, parts.reader.read([case.question for case in asked], texts, report=report), strict=True
        ):
            case.found = found


def _look_again(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Ask over the likeliest bullet alone where the reader does not bear out the draft, and keep the answer
    it bears out better. A refusal stands where the model decides alone (no tau)."""
    chosen = [
        case
        for case in cases
        if isinstance(case.now.tier, LocalTier)
        and case.found
        and len(case.bullets) > 1
        and not _agreed(case)
        and not (spec.tau is None and case.now.answer.refused)
    ]
    if not chosen:
        return
    places = [_likeliest(case) for case in chosen]
    asked = [
        Asked(case.question, (case.bullets[place].text,)) for case, place in zip(chosen, places, strict=True)
    ]
    said = chosen[0].now.tier.answers(asked, ban=True, max_new_tokens=spec.max_new_tokens, report=report)
    for case, place, made in zip(chosen, places, said, strict=True):
        one = case.now
        one.add(made)
        if made.answer.refused or case.found is None:
            continue
        if one.answer.refused or overlap(made.answer.text, case.found.text) >= overlap(
            one.answer.text, case.found.text
        ):
            one.answer = replace(made.answer, citations=(case.bullets[place].number,))
            one.again = True


def _verify(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    drafts = [case for case in cases if not case.now.answer.refused]
    for case in drafts:
        case.now.answer = resolved(case.now.answer, case.bullets, case.found)
    for case, extra in zip(drafts, extras(parts.index, drafts), strict=True):
        one = case.now
        if len(case.tries) > 1:
            extra["peer"] = overlap(one.answer.text, case.tries[0].answer.text)
        one.verdict = _weighed(parts, case, one.answer, spec, extra)


def _weighed(parts: Parts, case: Case, said: Answer, spec: AnswerSpec, extra: Mapping[str, float]) -> Verdict:
    return verify(
        said,
        case.bullets,
        case.found,
        spec.tau or 0.0,
        question=case.question,
        extra=extra,
        calibration=parts.calibrations.get(case.now.tier.name),
    )


def _sample(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Draw more answers of the tier that was just asked."""
    for case in cases:
        one = case.now
        if isinstance(one.tier, Draws):
            drawn = one.tier.draws(
                one.shown,
                spec.samples,
                temperature=spec.temperature,
                ban=spec.tau is not None,
                max_new_tokens=spec.max_new_tokens,
            )
            for said in drawn:
                one.add(said)
            one.samples = tuple(resolved(said.answer, case.bullets, case.found) for said in drawn)


def _verify_samples(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Of the draft and its samples take the one that agreement and verifier like best."""
    for case in cases:
        one = case.now
        answers = (one.answer, *one.samples)
        shared = {
            name: one.verdict.parts[name] for name in SHARED if one.verdict and name in one.verdict.parts
        }
        verdicts = [None if said.refused else _weighed(parts, case, said, spec, shared) for said in answers]
        best = choose(answers, [verdict.score if verdict else -1.0 for verdict in verdicts])
        one.answer, one.verdict, one.agreement = answers[best.place], verdicts[best.place], best.agreement


def _decide(case: Case, spec: AnswerSpec, ladder: tuple[Tier, ...]) -> tuple[str, Action]:
    """Settle the case, or move it to the next tier, or say that samples are wanted; returns the reason too.

    With `ensemble` all tiers but the last are asked before anything is decided, and the most credible of
    their drafts is what is decided on."""
    one, end = case.now, len(ladder) - 1
    nothing = spec.evidence and not case.bullets
    if spec.ensemble and spec.accept is not None and case.place < end - 1 and not nothing:
        case.place += 1
        return "every tier but the last is asked", "escalate"
    if spec.ensemble and case.place < end:
        one = most_credible(case.tries)
    decision = decide(
        one.answer,
        one.verdict,
        spec,
        last=case.place == end or nothing,
        sampled=one.agreement is not None or not _worth_sampling(one, case, ladder),
        tier=one.tier.name if end else "",
    )
    if decision.action == "sample":
        return decision.reason, "sample"
    if decision.action == "escalate":
        case.place += 1
        return decision.reason, "escalate"
    case.done, case.chosen = True, one
    case.decision = "no evidence was found for the question" if nothing else decision.reason
    if case.start:
        case.decision += f"; {ladder[case.start].name} was asked at once: {case.routed}"
    return case.decision, decision.action


def most_credible(tries: Sequence[Try]) -> Try:
    """The try with the highest belief, the first wins a tie; one that refused comes last."""
    return max(tries, key=lambda one: one.verdict.score if one.verdict else -1.0)


def _worth_sampling(one: Try, case: Case, ladder: tuple[Tier, ...]) -> bool:
    """Samples are drawn only from the tier that was just asked, and where that costs less than the next
    one."""
    if one is not case.now or not isinstance(one.tier, Draws) or case.place == len(ladder) - 1:
        return False
    following = ladder[case.place + 1]
    known = following.price if not isinstance(following, LocalTier) or following.known else 0.0
    return cheaper(one.first, one.said, one.tier.price, 3, known)


def _failed(case: Case, tier: Tier, error: LabError, ladder: tuple[Tier, ...]) -> str:
    """A tier could not be asked: go on to the next, or settle for the best draft there is."""
    reason = f"{tier.name} could not be asked: {error}"
    case.notes.append(reason)
    if case.tries and case.now.tier is tier and not case.now.asked:
        case.tries.pop()
    if case.place < len(ladder) - 1:
        case.place += 1
        return reason
    if case.start and not case.tries:
        case.place = case.start = 0  # those that were passed over are better than nobody
        return reason
    case.done = True
    if case.tries:
        case.decision, case.chosen = reason, most_credible(case.tries)
    else:
        case.error = str(error)
    return reason


def _agreed(case: Case) -> bool:
    return case.found is not None and overlap(case.now.answer.text, case.found.text) > 0.5


def _likeliest(case: Case) -> int:
    """The place of the bullet in which the reader most likely sees the answer start."""
    if case.found is None:
        return 0
    chances = shares(case.found, [bullet.text for bullet in case.bullets])
    return max(range(len(chances)), key=lambda place: chances[place])


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
        return Prompted(one.first, case.full_tokens, ms, one.tier.name, one.dropped)
    if name == "sample":
        return Sampled(one.samples, one.agreement or 0.0, ms, one.tier.name)
    if name.startswith("verify"):
        silence = Verdict(False, 0.0, {}, "the model says that it does not know")
        return Verified(one.verdict or silence, ms, one.tier.name)
    return Drafted(one.answer, one.again, ms, one.tier.name)
