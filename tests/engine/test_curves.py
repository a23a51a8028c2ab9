"""Curves go from the small tier to the large one, the oracle is above all, dials keep what they promise."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import curves, risk
from engine.evaluation.curves import Pair, always, apgr, at_doubt, at_share, budget, point

share = st.floats(0, 1)
gain = st.none() | share
pairs = st.lists(
    st.builds(Pair, share, share, st.floats(-1, 1), share, st.floats(0, 0.5), st.floats(0.1, 1)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_a_curve_goes_from_always_small_to_the_large_tiers_gain(rows: list[Pair]) -> None:
    small, large = always(rows)
    for line in curves.curves(rows)[:4]:
        if "credible" not in line.name:
            assert line.points[0].gain == pytest.approx(small.gain)
            assert line.points[-1].gain == pytest.approx(large.gain)
        assert [one.cost for one in line.points] == sorted(one.cost for one in line.points)


@settings(max_examples=100, deadline=None)
@given(pairs, share)
def test_nothing_beats_the_oracle_at_its_share(rows: list[Pair], part: float) -> None:
    wishful = [replace(pair, wish=(pair.large or 0) - (pair.small or 0)) for pair in rows]
    best = max(at_share(wishful, step / 30).gain for step in range(int(part * 30) + 1))
    assert at_share(rows, part).gain <= max(best, at_share(wishful, part).gain) + 1e-9


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_at_every_point_of_the_figure_the_oracle_gains_at_least_as_much(rows: list[Pair]) -> None:
    lines = {line.name: line.points for line in curves.curves(rows)}
    for ours, best in zip(lines["cascade"], lines["oracle"], strict=True):
        assert ours.escalated == best.escalated and ours.gain <= best.gain + 1e-9


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_a_belief_that_knows_what_escalating_gains_never_falls_below_the_random_mix(rows: list[Pair]) -> None:
    knowing = [replace(pair, believed=0.5 - ((pair.large or 0) - (pair.small or 0)) / 2) for pair in rows]
    small, large = always(knowing)
    for here in curves.curves(knowing)[0].points:
        assert here.gain >= small.gain + here.escalated * (large.gain - small.gain) - 1e-9


@settings(max_examples=100, deadline=None)
@given(pairs, share)
def test_the_budget_is_kept_where_it_was_chosen(rows: list[Pair], part: float) -> None:
    assert at_doubt(rows, budget(rows, part)).escalated <= part + 1e-9


def test_a_budget_of_a_third_escalates_the_most_doubted_third() -> None:
    rows = [Pair(0.0, 1.0, believed) for believed in (0.1, 0.9, 0.5)]
    here = at_doubt(rows, budget(rows, 1 / 3))
    assert here.escalated == pytest.approx(1 / 3) and here.gain == pytest.approx(1 / 3)
    assert budget(rows, 1.0) == -math.inf


def test_apgr_is_a_half_for_a_cascade_that_knows_nothing_and_none_without_a_gap() -> None:
    rows = [Pair(0.0, 1.0, n / 400) for n in range(400)]
    assert apgr(rows) == pytest.approx(0.5, abs=0.01)
    knowing = [Pair(float(n >= 200), 1.0, n / 400) for n in range(400)]
    assert apgr(knowing) == pytest.approx(0.75, abs=0.01)
    assert apgr([Pair(0.5, 0.5, 0.1)]) is None


def test_an_escalated_question_pays_for_both_and_one_without_an_answer_gains_nothing() -> None:
    rows = [Pair(0.0, 1.0, 0.2, cheap=0.1, dear=1.0), Pair(None, None, 0.9, cheap=0.1, dear=1.0)]
    here = point(rows, [True, False])
    assert here == (0.5, 1.0, pytest.approx(0.6))


def test_the_more_credible_draft_stands_where_that_is_asked_for() -> None:
    rows = [Pair(1.0, 0.0, 0.6, 0.3), Pair(0.0, 1.0, 0.2, 0.8)]
    assert point(rows, [True, True]).gain == 0.5
    assert point(rows, [True, True], best=True).gain == 1.0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), share, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_bound_is_clopper_and_pearsons(wrong: int, part: float, sure: float) -> None:
    beta = pytest.importorskip("scipy.stats").beta
    through = min(wrong - 1, int(part * wrong))
    bound = risk.upper(through, wrong, sure)
    assert bound == pytest.approx(beta.ppf(sure, through + 1, wrong - through), abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.booleans()), min_size=1, max_size=80), st.floats(0.01, 0.9))
def test_what_the_risk_dial_calls_feasible_keeps_its_bound_and_no_lower_tau_does(
    seen: list[tuple[int, bool]], wanted: float
) -> None:
    believed, right = [p / 100 for p, _ in seen], [y for _, y in seen]
    chosen = risk.choose(believed, right, wanted)
    lower = [risk.at(tau / 1000, believed, right, wanted) for tau in range(int(chosen.tau * 1000))]
    if chosen.feasible:
        assert chosen.bound <= wanted and not any(one.feasible for one in lower)
    else:
        assert chosen.through == min(one.through for one in [*lower, risk.at(1.0, believed, right)])
        assert chosen.wrong < chosen.needed or chosen.through > 0


def test_the_bound_held_in_nineteen_of_twenty_draws() -> None:
    """What the word bound means: wrong answers let through with probability .2, seen 60 at a time."""
    source = np.random.default_rng(0)
    held = [risk.upper(int(source.binomial(60, 0.2)), 60) >= 0.2 for _ in range(400)]
    assert sum(held) / len(held) >= 0.93


def test_a_bound_of_nothing_seen_promises_nothing() -> None:
    assert risk.upper(0, 0) == risk.upper(5, 5) == 1.0


def test_the_feasibility_check_is_the_least_number_that_can_promise_the_risk() -> None:
    count = risk.needed(0.05)
    assert count == 59
    assert risk.upper(0, count) <= 0.05 < risk.upper(0, count - 1)


def test_the_risk_dial_takes_the_least_tau_whose_bound_holds() -> None:
    believed = [n / 200 for n in range(200)]
    right = [n >= 100 or n % 10 == 0 for n in range(200)]
    chosen = risk.choose(believed, right, 0.1)
    assert chosen.feasible and chosen.bound <= 0.1
    lower = risk.at(chosen.tau - 0.03, believed, right, 0.1)
    assert lower.bound > 0.1
    assert chosen.kept == sum(p >= chosen.tau for p, y in zip(believed, right, strict=True) if y) / sum(right)


def test_a_risk_that_few_answers_cannot_promise_is_said_with_how_many_it_takes() -> None:
    chosen = risk.choose([0.1, 0.2, 0.8, 0.9], [False, False, True, True], 0.05)
    assert not chosen.feasible and chosen.through == 0 and chosen.needed == 59
    assert chosen.kept == 1.0
