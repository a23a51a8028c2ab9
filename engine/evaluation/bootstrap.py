"""Bootstrap intervals of a mean and of the mean difference of two arms on the same questions. Knows no
metric.

Percentile method: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13. Questions are
resampled in pairs, so that what makes a question hard for both arms cancels: Berg-Kirkpatrick, Burkett &
Klein (2012), An Empirical Investigation of Statistical Significance in NLP, EMNLP
(https://aclanthology.org/D12-1091/).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy

BLOCK = 1 << 20  # values drawn at once: about 16 MB, whatever the number of questions and resamples


class Interval(NamedTuple):
    """A mean with the ends of its interval, in the unit of the values."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    a: Sequence[float],
    b: Sequence[float],
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval | None:
    """The mean of a[i] - b[i] with its percentile interval; a[i] and b[i] belong to the same question.

    None where there are fewer than two pairs, as in `mean_interval`. ValueError for different lengths, values
    that are not finite, a level outside 0..1 and fewer than one resample. Equal input gives equal output, to
    the last bit.
    """
    if len(a) != len(b):
        raise ValueError(f"Paired values must be equally many: got {len(a)} and {len(b)}.")
    differences = [float(x) - float(y) for x, y in zip(a, b, strict=True)]
    return mean_interval(differences, resamples=resamples, level=level, seed=seed)


def mean_interval(
    a: Sequence[float], *, resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval | None:
    """The mean of `a` with its percentile interval at `level`.

    Decided here: none or one value gives None. Resampling one value gives that value each time, and an
    interval of no width would claim certainty where nothing is known; its mean needs no function. Two or more
    values that are all equal do give an interval of no width: that is what the sample shows. Errors as in
    `paired_bootstrap`.
    """
    import numpy as np

    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1: got {level}.")
    if resamples < 1:
        raise ValueError(f"A bootstrap needs at least one resample: got {resamples}.")
    values = np.asarray(a, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("A bootstrap needs finite values; leave out what is not scored.")
    if len(values) < 2:
        return None
    # The computed mean of equal floats can be off by one bit and lie outside its own interval.
    if (values == values[0]).all():
        only = float(values[0])
        return Interval(only, only, only)
    tail = (1 - level) / 2
    low, high = np.quantile(_resampled_means(values, resamples, seed), [tail, 1 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def _resampled_means(values: "numpy.ndarray", resamples: int, seed: int) -> "numpy.ndarray":
    import numpy as np

    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    rows = max(1, BLOCK // len(values))
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        picks = rng.integers(0, len(values), size=(stop - start, len(values)))
        means[start:stop] = values[picks].mean(axis=1)
    return means
