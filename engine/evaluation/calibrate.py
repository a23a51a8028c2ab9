"""Fit P(correct) to verdicts with known outcomes, and say how far it can be trusted: AUROC, ECE, Brier, the
worth of each feature.

Knows parts (features 0..1 by name) and outcomes, no model and no question.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.errors import DataError
from engine.inference.belief import EDGE, Calibration, transformed

BINS = 10
LEAST = 20  # answers below which nothing is fitted
FOLDS = 5
SHRINKAGE = (0.003, 0.01, 0.03, 0.1, 0.3)
Parts = Mapping[str, float]


class Quality(NamedTuple):
    """`auroc` (None where all are right or all wrong), `ece` in BINS bins of equal width, `brier`, over `n`
    answers of which the share `right` is right."""

    auroc: float | None
    ece: float
    brier: float
    n: int
    right: float


class Worth(NamedTuple):
    """A feature alone (AUROC), and what the fit loses in AUROC without it (both out of fold)."""

    feature: str
    alone: float | None
    lost: float


class Bin(NamedTuple):
    """One bar of a reliability figure: mean P(correct), share right, answers."""

    believed: float
    right: float
    n: int


def fit(parts: Sequence[Parts], right: Sequence[bool], *, isotonic: bool = False) -> Calibration:
    """Logistic regression over standardised features, shrunk (L2) as far as cross-validation likes best.

    The shrinkage that ranks best makes probabilities too timid, so the log-odds are stretched afterwards
    (Platt 1999) by what the held-out folds ask for; with `isotonic` they are mapped by isotonic regression
    (Zadrozny and Elkan 2002) instead. Raises DataError with fewer than LEAST answers or without both
    outcomes.
    """
    _enough(right)
    names = _names(parts)
    table = _table(parts, names)
    best = _shrinkage(table, right)
    held = _held_out(table, right, best)
    plain = _regression(table, right, best)
    slope, shift = _platt(held, right)
    steps: tuple[tuple[float, float], ...] = ()
    if isotonic:
        slope, shift, steps = 1.0, 0.0, _isotonic(held, right)
    scaler, model = plain
    weights = [float(slope * weight) for weight in model.coef_[0]]
    return Calibration(
        features=tuple(names),
        mean=tuple(float(value) for value in scaler.mean_),
        scale=tuple(float(value) for value in scaler.scale_),
        weights=tuple(weights),
        bias=float(slope * model.intercept_[0] + shift),
        steps=steps,
        n=len(right),
    )


def out_of_fold(
    parts: Sequence[Parts],
    right: Sequence[bool],
    *,
    isotonic: bool = False,
    beside: Sequence[Parts] = (),
    known: Sequence[bool] = (),
) -> list[float]:
    """P(correct) of each answer by a fit that has not seen it (FOLDS folds). Every fit also sees the answers
    `beside`, with the outcomes `known`."""
    import numpy as np

    _enough([*right, *known])
    result = np.zeros(len(right))
    for train, test in _folds(right):
        seen = [*(parts[i] for i in train), *beside]
        made = fit(seen, [*(right[i] for i in train), *known], isotonic=isotonic)
        for place in test:
            result[place] = made.probability(parts[place])
    return [float(value) for value in result]


def quality(believed: Sequence[float], right: Sequence[bool]) -> Quality:
    """How good some P(correct) are. Raises ValueError without any."""
    if not right:
        raise ValueError("nothing to judge: no answers")
    brier = sum((p - y) ** 2 for p, y in zip(believed, right, strict=True)) / len(right)
    return Quality(auroc(believed, right), ece(believed, right), brier, len(right), sum(right) / len(right))


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """The chance that a right answer scores above a wrong one, ties half; None unless there are both."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(list(right), list(scores))) if 0 < sum(right) < len(right) else None


def ece(believed: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error (Guo and others 2017, arXiv:1706.04599, section 2): the mean distance of
    belief and share right over `bins` bins of equal width, weighted by their answers."""
    rows = reliability(believed, right, bins)
    return sum(abs(row.believed - row.right) * row.n for row in rows) / len(right)


def reliability(believed: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """The bins of equal width that hold any answer, from 0 to 1."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for p, y in zip(believed, right, strict=True):
        groups.setdefault(min(bins - 1, int(p * bins)), []).append((p, y))
    return [
        Bin(sum(p for p, _ in group) / len(group), sum(y for _, y in group) / len(group), len(group))
        for _, group in sorted(groups.items())
    ]


def chance_ece(believed: Sequence[float], *, draws: int = 200, seed: int = 0) -> float:
    """The ECE that a perfectly calibrated belief of these very values would show by chance: outcomes drawn
    from it. What a measured ECE has to be held against on few answers."""
    import numpy as np

    source = np.random.default_rng(seed)
    given = np.asarray(believed, dtype=float)
    return float(np.mean([ece(list(given), list(source.random(len(given)) < given)) for _ in range(draws)]))


def worth(parts: Sequence[Parts], right: Sequence[bool]) -> list[Worth]:
    """Each feature's worth, the most useful first; nothing with fewer than FOLDS of a kind."""
    if min(sum(right), len(right) - sum(right)) < FOLDS:
        return []
    names = _names(parts)
    table = _table(parts, names)
    best = _shrinkage(table, right)
    whole = auroc(list(_held_out(table, right, best)), right) or 0.0
    rows = []
    for place, name in enumerate(names):
        rest = [column for column in range(len(names)) if column != place]
        without = auroc(list(_held_out(table[:, rest], right, best)), right) if rest else 0.5
        rows.append(Worth(name, auroc(list(table[:, place]), right), whole - (without or 0.0)))
    return sorted(rows, key=lambda row: -(row.alone or 0.0))


def _enough(right: Sequence[bool]) -> None:
    if len(right) < LEAST or min(sum(right), len(right) - sum(right)) < FOLDS:
        raise DataError(
            f"{len(right)} answers with {sum(right)} right ones are too few to calibrate on: at least "
            f"{LEAST} with {FOLDS} of each kind are needed. Give more questions marked for dev."
        )


def _names(parts: Sequence[Parts]) -> list[str]:
    return sorted({name for one in parts for name in one})


def _table(parts: Sequence[Parts], names: Sequence[str]) -> Any:
    """Rows of transformed parts; a missing one is its feature's mean."""
    import numpy as np

    table = np.array(
        [[transformed(name, one[name]) if name in one else np.nan for name in names] for one in parts]
    )
    means = np.nanmean(table, axis=0)
    return np.where(np.isnan(table), means, table)


def _folds(right: Sequence[bool]) -> list[tuple[Any, Any]]:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    split = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():  # fewer of a kind than folds: they are dealt out as far as they go
        warnings.simplefilter("ignore", UserWarning)
        return list(split.split(np.zeros(len(right)), list(right)))


def _regression(table: Any, right: Sequence[bool], shrinkage: float) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(table)
    model = LogisticRegression(C=shrinkage, max_iter=1000).fit(scaler.transform(table), list(right))
    return scaler, model


def _held_out(table: Any, right: Sequence[bool], shrinkage: float) -> Any:
    """The log-odds of each row by a regression that has not seen it."""
    import numpy as np

    result = np.zeros(len(right))
    for train, test in _folds(right):
        scaler, model = _regression(table[train], [right[i] for i in train], shrinkage)
        result[test] = model.decision_function(scaler.transform(table[test]))
    return result


def _shrinkage(table: Any, right: Sequence[bool]) -> float:
    """The shrinkage whose held-out log-odds, once stretched, lose least (log loss)."""
    import numpy as np

    def loss(shrinkage: float) -> float:
        odds = _held_out(table, right, shrinkage)
        slope, shift = _platt(odds, right)
        chance = 1 / (1 + np.exp(-(slope * odds + shift)))
        chance = np.clip(np.where(list(right), chance, 1 - chance), EDGE, 1)
        return float(-np.log(chance).mean())

    return min(SHRINKAGE, key=loss)


def _platt(odds: Any, right: Sequence[bool]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=100.0, max_iter=1000).fit(odds[:, None], list(right))
    return max(0.0, float(model.coef_[0][0])), float(model.intercept_[0])


def _isotonic(odds: Any, right: Sequence[bool]) -> tuple[tuple[float, float], ...]:
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    chance = 1 / (1 + np.exp(-odds))
    model = IsotonicRegression(y_min=EDGE, y_max=1 - EDGE, out_of_bounds="clip").fit(chance, list(right))
    return tuple((float(x), float(y)) for x, y in zip(model.X_thresholds_, model.y_thresholds_, strict=True))
