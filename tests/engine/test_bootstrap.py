"""The intervals agree with exact enumeration, with a plain loop and with scipy, and cover as often as they
claim.
"""

import itertools
import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import bootstrap
from engine.evaluation.bootstrap import Interval, mean_interval, paired_bootstrap

values = st.floats(-100, 100).map(lambda x: round(x, 3))


def plain_interval(differences: list[float], resamples: int, level: float) -> Interval:
    """The textbook in a loop, with the standard library's generator and its own interpolated quantile."""
    rng = random.Random(7)
    means = sorted(statistics.fmean(rng.choices(differences, k=len(differences))) for _ in range(resamples))

    def quantile(q: float) -> float:
        place = q * (resamples - 1)
        below = math.floor(place)
        above = min(below + 1, resamples - 1)
        return means[below] + (place - below) * (means[above] - means[below])

    return Interval(statistics.fmean(differences), quantile((1 - level) / 2), quantile((1 + level) / 2))


def test_agrees_with_all_resamples_of_a_small_sample():
    differences = [0.0, 0.31, -0.4, 0.9, 1.7]
    means = [sum(draw) / 5 for draw in itertools.product(differences, repeat=5)]
    low, high = np.quantile(means, [0.05, 0.95])
    found = mean_interval(differences, resamples=100_000, level=0.9)
    assert found == pytest.approx((sum(differences) / 5, low, high), abs=0.02)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_agrees_with_a_plain_loop_and_with_scipy(level):
    from scipy import stats

    rng = np.random.default_rng(3)
    a, b = rng.random(60) ** 2, rng.random(60)
    found = paired_bootstrap(list(a), list(b), resamples=10_000, level=level)
    assert found == pytest.approx(plain_interval(list(a - b), 5_000, level), abs=0.01)
    scipys = stats.bootstrap(
        (a - b,), np.mean, n_resamples=10_000, confidence_level=level, method="percentile", rng=rng
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((scipys.low, scipys.high), abs=0.01)


def test_covers_the_true_difference_about_as_often_as_its_level_says():
    rng = np.random.default_rng(11)
    trials, covered = 400, 0
    for _ in range(trials):
        hardness = rng.normal(0, 3, 40)
        a, b = hardness + rng.normal(0.3, 1, 40), hardness + rng.normal(0, 1, 40)
        found = paired_bootstrap(list(a), list(b), resamples=400)
        covered += found.low <= 0.3 <= found.high
    assert 0.90 <= covered / trials <= 0.98


def test_pairing_removes_what_both_arms_share():
    rng = np.random.default_rng(5)
    hardness = rng.normal(0, 10, 100)
    a, b = hardness + rng.normal(1, 0.5, 100), hardness + rng.normal(0, 0.5, 100)
    paired, alone = paired_bootstrap(list(a), list(b)), mean_interval(list(a))
    assert paired.low > 0
    assert paired.high - paired.low < (alone.high - alone.low) / 5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(values, values), min_size=2, max_size=30))
def test_swapping_the_arms_swaps_the_signs_and_the_order(pairs):
    a, b = [list(side) for side in zip(*pairs, strict=True)]
    one, other = paired_bootstrap(a, b, resamples=99), paired_bootstrap(b, a, resamples=99)
    assert (-other.mean, -other.high, -other.low) == pytest.approx(one, abs=1e-9)
    assert one.low <= one.high
    assert min(x - y for x, y in pairs) - 1e-9 <= one.low
    assert one.high <= max(x - y for x, y in pairs) + 1e-9


def test_equal_input_gives_equal_bits_whatever_the_block_size(monkeypatch):
    a = [math.sin(i) for i in range(37)]
    first = mean_interval(a, resamples=500, seed=4)
    assert first == mean_interval(a, resamples=500, seed=4)
    assert first != mean_interval(a, resamples=500, seed=5)
    monkeypatch.setattr(bootstrap, "BLOCK", 100)
    assert first == mean_interval(a, resamples=500, seed=4)


@given(values, st.integers(2, 40))
def test_equal_values_give_an_interval_of_no_width(value, count):
    assert mean_interval([value] * count) == (value, value, value)


@pytest.mark.parametrize("few", [[], [0.7]])
def test_fewer_than_two_values_have_no_interval(few):
    assert mean_interval(few) is None
    assert paired_bootstrap(few, few) is None


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([1.0], [], {}, "equally many"),
        ([1.0, math.nan], [1.0, 1.0], {}, "finite"),
        ([1.0, math.inf], [1.0, 1.0], {}, "finite"),
        ([1.0, 2.0], [1.0, 1.0], {"level": 95}, "between 0 and 1"),
        ([1.0, 2.0], [1.0, 1.0], {"resamples": 0}, "at least one"),
    ],
)
def test_what_cannot_be_resampled_is_refused(a, b, options, message):
    with pytest.raises(ValueError, match=message):
        paired_bootstrap(a, b, **options)
