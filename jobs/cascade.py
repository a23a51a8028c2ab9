"""Choose a cascade's dials on dev and show what they do on test, from the answers a calibration kept.

The tiers before the last are all asked (the reader's span is there anyway, the verifier needs it) and
the most credible of their drafts stands, unless it is doubted: then the last tier's does. Asks no model
itself.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.artifact import whole, write_json, writing
from engine.errors import ConfigError
from engine.evaluation import curves, risk, threshold
from engine.evaluation.curves import Curve, Pair, Point
from engine.evaluation.harness import right
from engine.progress import Report, silent
from jobs import calibration, routing
from jobs.calibration import Judged
from jobs.routing import Seen
from jobs.workspace import artifact, checked_name

BUDGET = 0.3


def calibrated(
    name: str, tiers: str = "", device: str | None = None, report: Report = silent, *, also: str = ""
) -> dict[str, Any]:
    """Calibrate the experiment's tiers (jobs.calibration) and set the usual dial, a budget of BUDGET, in
    place of any that was set before: what is served follows the last calibration at once."""
    made = calibration.calibrate(name, tiers, device, report, also=also)
    return made | {"settings": cascade(name)["settings"]}


def cascade(
    name: str,
    budget: float | None = None,
    risked: float | None = None,
    device: str | None = None,
    report: Report = silent,
    *,
    route: bool = False,
) -> dict[str, Any]:
    """Set the dials of the experiment's cascade by a budget (share escalated) or a risk (share of the wrong
    answers let through), and keep them with the calibration, which is made now if it is not there. With
    `route` a router sends the questions that would escalate anyway to the last tier at once."""
    _check(budget, risked)
    if not whole(artifact("calibration", checked_name(name))):
        calibration.calibrate(name, device=device, report=report)
    manifest, judged = calibration.read(name)
    tiers = [judged[tier] for tier in manifest["order"]]
    settings, result = choose(tiers, budget, risked)
    router: dict[str, Any] = {}
    if route:
        sides = [[side(one, split) for one in tiers] for split in ("dev", "test")]
        made_router = routing.fitted(credible(sides[0][:-1]), settings["accept"])
        settings |= {"route": made_router.least}
        result |= routing.shown(made_router, pairs(sides[1]), credible(sides[1][:-1]), settings["accept"])
        router = {"router": made_router.router.model_dump()}
    test = pairs([side(one, "test") for one in tiers])
    names = [one.name for one in tiers[:-1]]
    singles = [(f"always {one.name}", alone(one, test)) for one in tiers[:-1]] if len(names) > 1 else []
    lines = curves.curves(test, singles, f"{' or '.join(names)}, none escalated")
    from jobs.calibration_report import write

    made = manifest | {"cascade": {"settings": settings, "result": result, **router}}
    place = artifact("calibration", name)
    with writing(place, made) as folder:
        for one in judged.values():
            calibration.save(folder, one)
        write_json(folder / "curves.json", [plain(line) for line in lines])
        write(folder, made, [judged[tier] for tier in manifest["by_tier"]], lines)
    return {"name": name, **result, "settings": settings, "report": str(place / "report.md")}


def choose(
    tiers: Sequence[Judged], budget: float | None, risked: float | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings (fields of AnswerSpec) chosen on dev, and what they do on test."""
    dev, test = ([side(one, split) for one in tiers] for split in ("dev", "test"))
    promised = None
    if risked is None:
        limit = curves.budget(pairs(dev), BUDGET if budget is None else budget)
    else:
        first = credible(dev[:-1])
        believed, outcome = [one.believed for one in first], [right(one.scored) for one in first]
        limit = -risk.choose(believed, outcome, risked).tau
    accept = min(1.0, max(0.0, -limit))
    final = finals(dev, accept)
    if risked is None:
        tau = threshold.choose([one.believed for one in final], [one.scored.f1 for one in final]).tau
    else:
        promised = risk.choose([one.believed for one in final], [right(one.scored) for one in final], risked)
        tau = promised.tau
    settings = {"accept": accept, "tau": tau, "ensemble": len(tiers) > 2}
    return settings, _shown(tiers[0], test, accept, tau, promised)


def side(judged: Judged, split: str) -> list[Seen]:
    """A tier's drafts on dev (believed by fits that had not seen them) or test."""
    scored = judged.dev if split == "dev" else judged.test
    believed = judged.held_out if split == "dev" else judged.believed(judged.test)
    return [
        Seen(one, p, judged.price * (one.trace.prompt_tokens + one.trace.output_tokens))
        for one, p in zip(scored, believed, strict=True)
    ]


def credible(sides: Sequence[Sequence[Seen]]) -> list[Seen]:
    """For each question the most credible of several tiers' drafts, the first wins a tie; all are paid
    for."""
    return [
        max(row, key=lambda one: one.believed)._replace(cost=sum(one.cost for one in row))
        for row in zip(*sides, strict=True)
    ]


def pairs(sides: Sequence[Sequence[Seen]]) -> list[Pair]:
    """Each question as the cascade sees it: the most credible draft of the tiers before the last, and the
    last's."""
    return [
        Pair(one.scored.f1, two.scored.f1, one.believed, two.believed, one.cost, two.cost)
        for one, two in zip(credible(sides[:-1]), sides[-1], strict=True)
    ]


def finals(sides: Sequence[Sequence[Seen]], accept: float) -> list[Seen]:
    """What the cascade says at the end, before anything is refused: the last tier's draft where the first
    is believed less than `accept`."""
    first = credible(sides[:-1])
    return [two if one.believed < accept else one for one, two in zip(first, sides[-1], strict=True)]


def alone(judged: Judged, test: Sequence[Pair]) -> Point:
    """One tier alone, on the figure."""
    rows = side(judged, "test")
    gains = [one.scored.f1 for one in rows if one.scored.f1 is not None]
    dear = sum(pair.dear for pair in test)
    return Point(0.0, sum(gains) / max(1, len(gains)), sum(one.cost for one in rows) / dear if dear else 0.0)


def plain(line: Curve) -> dict[str, Any]:
    """A curve for JSON."""
    return {"name": line.name, "points": [one._asdict() for one in line.points]}


def _shown(
    small: Judged,
    test: Sequence[Sequence[Seen]],
    accept: float,
    tau: float,
    promised: risk.Risk | None,
) -> dict[str, Any]:
    rows = pairs(test)
    (none, every), here = curves.always(rows), curves.point(rows, [row.believed < accept for row in rows])
    single, final = alone(small, rows), finals(test, accept)
    through = risk.at(tau, [one.believed for one in final], [right(one.scored) for one in final])
    stands = [(one.scored.f1, one.believed >= tau) for one in final if one.scored.f1 is not None]
    others = [one.believed < tau for one in final if one.scored.f1 is None]
    usual = curves.at_share(rows, BUDGET)
    wishful = [replace(pair, wish=(pair.large or 0.0) - (pair.small or 0.0)) for pair in rows]
    return {
        "f1_small": 100 * single.gain,
        "f1_first": 100 * none.gain,
        "f1_large": 100 * every.gain,
        "f1_cascade": 100 * here.gain,
        "escalated": here.escalated,
        "kept": here.gain / every.gain if every.gain else None,
        "apgr": curves.apgr(rows),
        "cost": here.cost,
        "wrong_let_through": through.share,
        "wrong_let_through_bound": through.bound,
        "wrong": through.wrong,
        "f1_after_refusals": 100 * sum(f for f, kept in stands if kept) / len(stands) if stands else None,
        "unanswerable_refused": sum(others) / len(others) if others else None,
        "f1_random_mix": 100 * (none.gain + here.escalated * (every.gain - none.gain)),
        "f1_oracle": 100 * curves.at_share(wishful, here.escalated).gain,
        "f1_at_30": 100 * usual.gain,
        "kept_at_30": usual.gain / every.gain if every.gain else None,
        "promised": promised._asdict() if promised else None,
        "sentence": _sentence(single, none, every, here, promised),
    }


def _sentence(single: Point, none: Point, every: Point, here: Point, promised: risk.Risk | None) -> str:
    said = (
        f"With {100 * here.escalated:.0f} % of the questions escalated the cascade reaches F1 "
        f"{100 * here.gain:.1f}; the small tier alone {100 * single.gain:.1f}, the most credible of the "
        f"tiers before the last {100 * none.gain:.1f}, the large one {100 * every.gain:.1f}."
    )
    if every.gain <= none.gain:
        said += " The large tier is not better than those before it here: escalating all buys nothing."
    if promised and not promised.feasible:
        said += (
            f" The risk asked for cannot be promised from {promised.wrong} wrong dev answers: at least "
            f"{promised.needed} are needed even if none is let through; the strictest tau was taken."
        )
    return said


def _check(budget: float | None, risked: float | None) -> None:
    for option, value in (("--budget", budget), ("--risk", risked)):
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"{option} {value} cannot be used: give a share from 0 to 1, like 0.3.")
    if budget is not None and risked is not None:
        raise ConfigError("A cascade has one dial: give --budget or --risk, not both.")
    if risked == 0:
        raise ConfigError("--risk 0 cannot be promised: give a share above 0, like 0.05.")
