"""Which tier a case goes to: who starts, what becomes of a draft, who is next when a tier fails.

The rules for one draft are those of engine.inference.cascade and engine.inference.route. Asks no tier.
"""

from collections.abc import Sequence

from engine.errors import LabError
from engine.inference.cascade import SILENT, Action, decide
from engine.inference.case import Case, Try
from engine.inference.consistency import cheaper
from engine.inference.events import EVERY
from engine.inference.parts import Parts
from engine.inference.route import start
from engine.inference.spec import AnswerSpec
from engine.inference.tiers import Draws, Tier
from engine.progress import Report


def routes(case: Case, spec: AnswerSpec, ladder: tuple[Tier, ...]) -> bool:
    """Whether there is a choice of who starts: further tiers may be asked, and there is evidence to go by."""
    return bool(spec.route and spec.accept is not None and len(ladder) > 1 and case.bullets)


def route(parts: Parts, cases: Sequence[Case], spec: AnswerSpec, report: Report) -> None:
    """Choose the tier that starts: the first, or the next one; of an ensemble, which is asked as one, the
    last."""
    for case in cases:
        tried, case.routed = start(case, parts.router, spec.route)
        if not tried:
            case.place = case.start = len(parts.ladder) - 1 if spec.ensemble else 1


def decided(case: Case, spec: AnswerSpec, ladder: tuple[Tier, ...]) -> tuple[str, Action]:
    """Settle the case, or move it to the next tier, or say that samples are wanted; returns the reason too.

    With `ensemble` all tiers but the last are asked before anything is decided, and the most credible of
    their drafts is what is decided on."""
    one, end = case.now, len(ladder) - 1
    nothing = spec.evidence and not case.bullets
    if spec.ensemble and spec.accept is not None and case.place < end - 1 and not nothing:
        case.place += 1
        return EVERY, "escalate"
    if spec.ensemble and case.place < end:
        one = most_credible(case.tries)
    decision = decide(
        one.answer,
        one.verdict,
        spec,
        last=case.place == end or nothing,
        sampled=one.agreement is not None or not _worth_sampling(one, case, ladder, spec.samples),
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


def _worth_sampling(one: Try, case: Case, ladder: tuple[Tier, ...], samples: int) -> bool:
    """Samples are drawn only from the tier that was just asked, and where that costs less than the next
    one."""
    if one is not case.now or not isinstance(one.tier, Draws) or case.place == len(ladder) - 1:
        return False
    return cheaper(one.first, one.said, one.tier.price, samples, ladder[case.place + 1].price)


def _alone(one: Try) -> str:
    """What becomes of a draft where nobody else can be asked."""
    if one.verdict is None:
        return SILENT if one.answer.refused else f"{one.tier.name}'s answer stands without a verdict"
    return one.verdict.reason.replace(": ", f": {one.tier.name}: ", 1)


def failed_tier(case: Case, tier: Tier, error: LabError, ladder: tuple[Tier, ...]) -> str:
    """A tier could not be asked: go on to the next, or settle for the best draft there is."""
    reason = f"{tier.name} could not be asked: {error}"
    case.notes.append(reason)
    case.failing.append(tier)
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
        case.chosen = most_credible(case.tries)
        case.decision = f"{_alone(case.chosen)}; {reason}"
    else:
        case.error = str(error)
    return reason
