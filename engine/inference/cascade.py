"""After a draft: does it stand, are more answers drawn, is the next tier asked, or is it "I don't know"?

Two thresholds (AutoMix, Aggarwal and others 2023, arXiv:2310.12963): from `accept` on a draft stands; below
`hopeless` no tier is asked any more, since the next one would hardly know better; between them the next one
is. What nobody is asked about any more stands from `tau` on. Knows no model.
"""

from typing import Literal, NamedTuple

from engine.inference.spec import AnswerSpec
from engine.inference.trace import Answer, Verdict

SILENT = "the model says that it does not know"
Action = Literal["accept", "sample", "escalate", "refuse"]


class Decision(NamedTuple):
    """What to do, and why in one sentence."""

    action: Action
    reason: str


def decide(
    answer: Answer, verdict: Verdict | None, spec: AnswerSpec, *, last: bool, sampled: bool, tier: str = ""
) -> Decision:
    """What becomes of a draft. `last` says that there is no further tier (or that none may be asked),
    `sampled` that its samples are drawn already."""
    who = f"{tier}: " if tier else ""
    further = not last and spec.accept is not None
    if answer.refused or verdict is None:
        if further:
            return Decision("escalate", f"escalated: {tier or 'the model'} says that it does not know")
        return Decision("refuse", SILENT)
    belief = _belief(verdict)
    stands: Action = "accept" if verdict.score >= (spec.tau or 0.0) else "refuse"
    if not further:
        return Decision(stands, verdict.reason.replace(": ", f": {who}", 1))
    if verdict.score >= (spec.accept or 0.0):
        return Decision("accept", f"accepted: {who}{belief} is at least {spec.accept:.2f}")
    doubt = verdict.doubt
    if verdict.score < spec.hopeless:
        why = f"{who}{belief} is below {spec.hopeless:.2f}, so no further tier is asked"
        said = "accepted" if stands == "accept" else "refused"
        return Decision(stands, f"{said}: {why}" + (f"; {doubt}" if doubt else ""))
    below = f"{who}{belief} is below {spec.accept:.2f}"
    if spec.samples > 1 and not sampled:
        return Decision("sample", f"asked {spec.samples} times: {below}")
    return Decision("escalate", f"escalated: {doubt} ({below})" if doubt else f"escalated: {below}")


def _belief(verdict: Verdict) -> str:
    return f"{'P(correct)' if verdict.calibrated else 'uncalibrated score'} {verdict.score:.2f}"
