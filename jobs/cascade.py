"""Choose a cascade's dials on dev and show what they do on test, from the answers a calibration kept.

Asks no model: the tiers' answers are those of jobs.calibration.
"""

from collections.abc import Sequence
from typing import Any

from engine.artifact import write_json, writing
from engine.errors import ConfigError
from engine.evaluation import curves, risk, threshold
from engine.evaluation.curves import Curve, Pair, Point
from engine.evaluation.harness import right
from engine.evaluation.scoring import Scored
from engine.progress import Report, silent
from jobs import calibration
from jobs.calibration import Judged
from jobs.workspace import artifact

BUDGET = 0.3


def cascade(
    name: str,
    budget: float | None = None,
    risked: float | None = None,
    device: str | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Set the dials of the experiment's cascade by a budget (share escalated) or a risk (share of the wrong
    answers let through), and keep them with the calibration, which is made now if it is not there."""
    _check(budget, risked)
    if not _there(name):
        calibration.calibrate(name, device=device, report=report)
    manifest, judged = calibration.read(name)
    small, large = judged[manifest["order"][0]], judged[manifest["order"][-1]]
    reader = judged.get("reader")
    settings, result = choose(small, large, budget, risked)
    test = pairs(small, large, small.believed(small.test), large.believed(large.test), small.test, large.test)
    alone = [("reader alone", reader_point(reader, large, test))] if reader else []
    lines = curves.curves(test, alone)
    from jobs.calibration_report import write

    made = manifest | {"cascade": {"settings": settings, "result": result}}
    place = artifact("calibration", name)
    with writing(place, made) as folder:
        for one in judged.values():
            calibration.save(folder, one)
        write_json(folder / "curves.json", [plain(line) for line in lines])
        write(folder, made, [small, large], lines)
    return {"name": name, **result, "settings": settings, "report": str(place / "report.md")}


def choose(
    small: Judged, large: Judged, budget: float | None, risked: float | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings (fields of AnswerSpec) chosen on dev, and what they do on test."""
    dev = pairs(small, large, small.held_out, large.held_out, small.dev, large.dev)
    test = pairs(small, large, small.believed(small.test), large.believed(large.test), small.test, large.test)
    promised = None
    if risked is None:
        limit = curves.budget(dev, BUDGET if budget is None else budget)
    else:
        promised = risk.choose([pair.believed for pair in dev], [right(one) for one in small.dev], risked)
        limit = -promised.tau - 1e-12
    best = curves.at_doubt(dev, limit, best=True).gain > curves.at_doubt(dev, limit).gain
    final, stands = finals(dev, small.dev, large.dev, limit, best)
    if risked is None:
        tau = threshold.choose(final, [one.f1 for one in stands]).tau
    else:
        promised = risk.choose(final, [right(one) for one in stands], risked)
        tau = promised.tau
    accept = min(1.0, max(0.0, -limit))
    settings = {"accept": accept, "tau": tau, "ensemble": best}
    return settings, _shown(small, large, test, limit, best, tau, promised, dev)


def pairs(
    small: Judged,
    large: Judged,
    believed: Sequence[float],
    checked: Sequence[float],
    first: Sequence[Scored],
    second: Sequence[Scored],
) -> list[Pair]:
    """Each question's two drafts side by side. The first tier's cost includes the reader's look at the
    evidence, which its verdict needs."""
    return [
        Pair(one.f1, two.f1, p, q, _cost(one, small.price) + _reading(one), _cost(two, large.price))
        for one, two, p, q in zip(first, second, believed, checked, strict=True)
    ]


def finals(
    rows: Sequence[Pair], first: Sequence[Scored], second: Sequence[Scored], limit: float, best: bool
) -> tuple[list[float], list[Scored]]:
    """What the cascade says at the end, before anything is refused: P(correct) and the draft that stands."""
    up = [pair.doubt > limit and (not best or pair.checked >= pair.believed) for pair in rows]
    return (
        [pair.checked if one else pair.believed for pair, one in zip(rows, up, strict=True)],
        [two if went else one for one, two, went in zip(first, second, up, strict=True)],
    )


def reader_point(reader: Judged, large: Judged, test: Sequence[Pair]) -> Point:
    """The reader alone, on the figure."""
    gains = [one.f1 for one in reader.test if one.f1 is not None]
    whole = sum(pair.dear for pair in test)
    cost = sum(_reading(one) for one in large.test)
    return Point(0.0, sum(gains) / len(gains) if gains else 0.0, cost / whole if whole else 0.0)


def plain(line: Curve) -> dict[str, Any]:
    """A curve for JSON."""
    return {"name": line.name, "points": [one._asdict() for one in line.points]}


def _shown(
    small: Judged,
    large: Judged,
    test: list[Pair],
    limit: float,
    best: bool,
    tau: float,
    promised: risk.Risk | None,
    dev: list[Pair],
) -> dict[str, Any]:
    none, every = curves.always(test)
    here = curves.at_doubt(test, limit, best=best)
    final, stands = finals(test, small.test, large.test, limit, best)
    through = risk.at(tau, final, [right(one) for one in stands])
    answers = [(one.f1, p) for one, p in zip(stands, final, strict=True) if one.f1 is not None]
    others = [p for one, p in zip(stands, final, strict=True) if one.f1 is None]
    ranked = curves.at_share(test, here.escalated, best=best)
    same = curves.at_share(test, BUDGET, best=best)
    return {
        "f1_small": 100 * none.gain,
        "f1_large": 100 * every.gain,
        "f1_cascade": 100 * here.gain,
        "escalated": here.escalated,
        "kept": here.gain / every.gain if every.gain else None,
        "apgr": curves.apgr(test, best=best),
        "cost": here.cost,
        "wrong_let_through": through.share,
        "wrong_let_through_bound": through.bound,
        "wrong": through.wrong,
        "f1_after_refusals": 100 * sum(f for f, p in answers if p >= tau) / len(answers) if answers else None,
        "unanswerable_refused": sum(p < tau for p in others) / len(others) if others else None,
        "f1_random_mix": 100 * (none.gain + here.escalated * (every.gain - none.gain)),
        "f1_at_30": 100 * same.gain,
        "kept_at_30": same.gain / every.gain if every.gain else None,
        "f1_oracle": 100 * _oracle(test, here.escalated).gain,
        "f1_by_rank": 100 * ranked.gain,
        "dev": {"f1": 100 * curves.at_doubt(dev, limit, best=best).gain, "risk": _promise(promised)},
        "sentence": _sentence(none, every, here, promised),
    }


def _oracle(test: Sequence[Pair], share: float) -> Point:
    from dataclasses import replace

    return curves.at_share(
        [replace(pair, wish=(pair.large or 0.0) - (pair.small or 0.0)) for pair in test], share
    )


def _promise(promised: risk.Risk | None) -> dict[str, Any] | None:
    return promised._asdict() if promised else None


def _sentence(none: Point, every: Point, here: Point, promised: risk.Risk | None) -> str:
    said = (
        f"With {100 * here.escalated:.0f} % of the questions escalated the cascade reaches F1 "
        f"{100 * here.gain:.1f}; the small tier alone {100 * none.gain:.1f}, the large one "
        f"{100 * every.gain:.1f}."
    )
    if every.gain <= none.gain:
        said += (
            " The large tier is not better than the small one here, so escalating buys nothing but the more "
            "credible of two answers."
        )
    if promised and not promised.feasible:
        said += (
            f" The risk asked for cannot be promised from {promised.wrong} wrong dev answers: at least "
            f"{promised.needed} are needed even if none is let through; the strictest tau was taken."
        )
    return said


def _cost(one: Scored, price: float) -> float:
    return price * (one.trace.prompt_tokens + one.trace.output_tokens)


def _reading(one: Scored) -> float:
    from engine.inference.tiers import READER_PRICE

    return READER_PRICE * one.trace.evidence_tokens


def _check(budget: float | None, risked: float | None) -> None:
    for option, value in (("--budget", budget), ("--risk", risked)):
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{option} {value} cannot be used: give a share from 0 to 1, like 0.3.")
    if budget is not None and risked is not None:
        raise ConfigError("A cascade has one dial: give --budget or --risk, not both.")
    if risked == 0:
        raise ConfigError("--risk 0 cannot be promised: give a share above 0, like 0.05.")


def _there(name: str) -> bool:
    from engine.artifact import whole
    from jobs.workspace import checked_name

    return whole(artifact("calibration", checked_name(name)))
