"""What an experiment offers to whoever asks: tiers, defaults, examples, what is missing. Loads no model."""

from dataclasses import dataclass, field

from app.play.setups import ENDPOINT
from engine.errors import DataError
from engine.inference.spec import AnswerSpec
from jobs.opened import Opened, model_of

EXAMPLES = 8
UNCALIBRATED = (
    "No cascade is calibrated for {name} as it is now: the threshold is a guess until "
    "`python -m jobs calibrate --name {name}` has run."
)
ACCEPT = 0.7  # uncalibrated verifier score from which a draft stands, where nothing was calibrated


@dataclass(frozen=True)
class Offer:
    """What an experiment offers: its tiers, how it answers by default (from its last calibration if there is
    one, which `calibrated` says), questions to try, and what is missing or differs, in words."""

    name: str
    tiers: tuple[str, ...]
    usual: tuple[str, ...]
    answer: AnswerSpec
    examples: tuple[str, ...] = ()
    calibrated: bool = False
    notes: tuple[str, ...] = ()
    models: dict[str, str] = field(default_factory=dict)


def offered(opened: Opened, *, endpoints: bool) -> Offer:
    """What an opened experiment offers."""
    spec, found = opened.manifest["spec"], opened.cascade()
    more = (ENDPOINT,) if endpoints else ()
    tiers = ("small", *(("adapter",) if opened.adapter else ()), "reader", "large", *more)
    first = model_of(opened.arm)
    usual: tuple[str, ...] = (first, "large") if first != "large" else ("large",)
    base, notes = opened.spec().model_copy(update={"accept": ACCEPT}), [UNCALIBRATED.format(name=opened.name)]
    if found:
        made = opened.calibrated or {}
        usual, base, notes = tuple(made["order"]), found[1], []
    return Offer(
        name=opened.name,
        tiers=tiers,
        usual=usual,
        answer=base,
        examples=_examples(opened),
        calibrated=bool(found),
        notes=tuple(notes),
        models={"small": spec["small"], "large": spec["large"]},
    )


def _examples(opened: Opened) -> tuple[str, ...]:
    """Some of the test questions, spread over them, one that the documents do not answer among them."""
    try:
        test = opened.test or opened.questions
    except DataError:
        return ()
    answered = [one.question for one in test if one.answerable]
    step = max(1, len(answered) // (EXAMPLES - 1))
    others = [one.question for one in test if not one.answerable]
    return tuple(dict.fromkeys([*answered[::step][: EXAMPLES - 1], *others[:1]]))
