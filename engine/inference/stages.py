"""What is done with a tier, stage by stage: prompt, draft, read, look again, verify, and draw samples.

A stage works on many cases at once and leaves what it found in them. Chooses no tier and settles nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from engine.errors import LabError
from engine.inference.case import Case, Try
from engine.inference.cite import resolved
from engine.inference.consistency import agreement, choose
from engine.inference.evidence import condense, extras, retrieve
from engine.inference.local import LocalTier
from engine.inference.parts import Parts
from engine.inference.reading import ReaderTier, shares, spanned
from engine.inference.spec import AnswerSpec
from engine.inference.tiers import Asked, Draws, Reads, Tier
from engine.inference.trace import Answer, Verdict
from engine.inference.verify import overlap, verify
from engine.progress import Report

Stage = Callable[[Parts, Sequence[Case], AnswerSpec, Report], None]


def evidence_stages(spec: AnswerSpec) -> list[tuple[str, Stage]]:
    """What comes before any tier, by name, in order."""
    if not spec.evidence:
        return []
    return [
        ("retrieve", lambda parts, cases, spec, _: retrieve(parts.index, cases, spec)),
        ("compress", lambda parts, cases, spec, _: condense(parts.index, cases, spec)),
    ]


def tier_stages(spec: AnswerSpec, tier: Tier) -> list[tuple[str, Stage]]:
    """What is done with one tier, by name, in order."""

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
        one = case.now
        if (
            isinstance(one.tier, ReaderTier)
            and case.found is not None
            and not one.dropped
            and one.tier.fits(one.shown, spec.max_new_tokens)
        ):
            one.answer = spanned(case.found, one.shown.evidence, ban=spec.tau is not None)
            one.asked = True
    waiting = [case for case in cases if (case.bullets or not spec.evidence) and not case.now.asked]
    if not waiting:
        return
    said = waiting[0].now.tier.answers(
        [case.now.shown for case in waiting],
        ban=spec.tau is not None,
        max_new_tokens=spec.max_new_tokens,
        report=report,
    )
    for case, made in zip(waiting, said, strict=True):
        if (answer := case.take(made)) is not None:
            case.now.answer = answer


def _read(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    asked = [case for case in cases if case.bullets and case.found is None] if parts.reader else []
    if parts.reader and asked:
        texts = [" ".join(bullet.text for bullet in case.bullets) for case in asked]
        for case, found in zip(
            asked, parts.reader.read([case.question for case in asked], texts, report=report), strict=True
        ):
            case.found = found
            _note_unread(parts.reader, case)


def _note_unread(reader: Reads, case: Case) -> None:
    """A reader's window may end before the evidence does: that is cut, and said."""
    texts = tuple(bullet.text for bullet in case.bullets)
    tier = ReaderTier(reader)
    if tier.fits(Asked(case.question, texts), 0):
        return
    kept = len(texts) - 1
    while kept and not tier.fits(Asked(case.question, texts[:kept]), 0):
        kept -= 1
    case.notes.append(
        f"the reader, which only checks here, saw {kept} of {len(texts)} bullets whole: its window is "
        f"{tier.window} tokens"
    )


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
        one, answer = case.now, case.take(made)
        if answer is None or answer.refused or case.found is None:
            continue
        if one.answer.refused or overlap(answer.text, case.found.text) >= overlap(
            one.answer.text, case.found.text
        ):
            one.answer = replace(answer, citations=(case.bullets[place].number,))
            one.again = True


def _verify(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    drafts = [case for case in cases if not case.now.answer.refused]
    for case in drafts:
        case.now.answer = resolved(case.now.answer, case.bullets, case.found)
    said = [(case, case.now.answer) for case in drafts]
    for case, verdict in zip(drafts, _weighed(parts, said, spec, [{} for _ in said]), strict=True):
        case.now.verdict = verdict


def _weighed(
    parts: Parts, said: Sequence[tuple[Case, Answer]], spec: AnswerSpec, known: Sequence[Mapping[str, float]]
) -> list[Verdict]:
    """The verdict on each answer to its case; `known` are parts that the caller has."""
    verdicts = []
    for (case, answer), extra, more in zip(said, extras(parts.index, said), known, strict=True):
        peer = {"peer": overlap(answer.text, case.tries[0].answer.text)} if len(case.tries) > 1 else {}
        verdicts.append(
            verify(
                answer,
                case.bullets,
                case.found,
                spec.tau or 0.0,
                question=case.question,
                extra={**extra, **peer, **more},
                calibration=parts.calibrations.get(case.now.tier.name),
            )
        )
    return verdicts


def sample(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Draw more answers of the tier that was just asked."""
    for case in cases:
        one = case.now
        if isinstance(one.tier, Draws):
            try:
                drawn = one.tier.draws(
                    one.shown,
                    spec.samples,
                    temperature=spec.temperature,
                    ban=spec.tau is not None,
                    max_new_tokens=spec.max_new_tokens,
                )
            except LabError as error:
                case.failed = error
                continue
            for said in drawn:
                case.take(said)
            one.samples = tuple(resolved(said.answer, case.bullets, case.found) for said in drawn)


def verify_samples(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Of the draft and its samples take the one that agreement and verifier like best. How many of them agree
    is one more part of each one's verdict."""
    for case in cases:
        one = case.now
        answers = (one.answer, *one.samples)
        held = [place for place, answer in enumerate(answers) if not answer.refused]
        known = [{"samples": agreement(answers, place)} for place in held]
        weighed = _weighed(parts, [(case, answers[place]) for place in held], spec, known)
        verdicts = dict(zip(held, weighed, strict=True))
        scores = [verdicts[place].score if place in verdicts else -1.0 for place in range(len(answers))]
        best = choose(answers, scores)
        one.answer, one.verdict, one.agreement = answers[best.place], verdicts.get(best.place), best.agreement


def _agreed(case: Case) -> bool:
    return case.found is not None and overlap(case.now.answer.text, case.found.text) > 0.5


def _likeliest(case: Case) -> int:
    """The place of the bullet in which the reader most likely sees the answer start."""
    if case.found is None:
        return 0
    chances = shares(case.found, [bullet.text for bullet in case.bullets])
    return max(range(len(chances)), key=lambda place: chances[place])
