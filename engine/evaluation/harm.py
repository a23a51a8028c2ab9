"""What an adapter buys or costs where there is evidence, against the same model without it, in one sentence.
It scores nothing.
"""

from engine.evaluation.report import tidy
from engine.evaluation.scoring import Difference, Row


def adapter_sentence(tuned: Row, plain: Row, gain: Difference) -> str:
    """Whether the adapter helps or harms grounded answers and refusals. `gain` is F1 of `tuned` minus that of
    `plain`, in points; no more is claimed than its interval as printed allows."""
    grounded, harms = _grounded(plain.arm, gain)
    refusals = _refusals(tuned.unanswerable_refused, plain.unanswerable_refused, harms)
    return f"The adapter {grounded}{refusals}."


def _grounded(other: str, gain: Difference) -> tuple[str, bool]:
    """The claim on F1, and whether it is one of harm."""
    if gain.mean is None:
        return f"was not compared with {other}: no question has an answer", False
    if gain.low is None or gain.high is None:
        few = "too few questions for an interval"
        return f"changes F1 by {tidy(gain.mean, '+.1f')} against {other} ({few})", gain.mean < 0
    interval = f"{tidy(gain.mean, '+.1f')} [{tidy(gain.low, '.1f')}, {tidy(gain.high, '.1f')}]"
    if round(gain.low, 1) > 0:
        return f"adds {interval} F1 to {other}", False
    if round(gain.high, 1) < 0:
        return f"harms grounded answers here: F1 {interval} against {other}", True
    return f"makes no difference in F1 to {other} that this sample can show ({interval})", False


def _refusals(tuned: float | None, plain: float | None, harms: bool) -> str:
    if tuned is None or plain is None:
        return ""
    share = f"it refuses {tuned:.0f} % of the questions the documents do not answer, {plain:.0f} % without it"
    if tuned < plain:
        return f"{' and' if harms else ', but'} harms refusals here: {share}"
    return f"{', but' if harms else ' and'} costs no refusals: {share}"
