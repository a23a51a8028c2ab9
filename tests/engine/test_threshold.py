"""Of the thresholds that refuse enough, none gains more; where nothing was seen, nothing is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.threshold import Threshold, choose

scores = st.just(-1.0) | st.integers(0, 999).map(lambda step: step / 1000)
gains = st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0])
seen = st.lists(st.tuples(scores, gains), max_size=12)


def outcome(pairs: list[tuple[float, float | None]], tau: float) -> tuple[float, float]:
    """Mean gain of the answerable and share of the others refused, question by question."""
    gained, answerable, refused, others = 0.0, 0, 0, 0
    for score, gain in pairs:
        answered = score >= tau
        if gain is None:
            others += 1
            refused += not answered
        else:
            answerable += 1
            gained += gain if answered else 0
    return gained / answerable, refused / others


@settings(max_examples=200, deadline=None)
@given(seen, st.sampled_from([0.0, 0.3, 0.5, 0.65, 1.0]))
def test_no_other_threshold_that_refuses_enough_gains_more(
    pairs: list[tuple[float, float | None]], refuse: float
) -> None:
    chosen = choose([score for score, _ in pairs], [gain for _, gain in pairs], refuse, errors=0)
    assert 0 <= chosen.tau <= 1
    if len({gain is None for _, gain in pairs}) < 2:
        assert chosen.tau == 0
        return
    assert (chosen.f1, chosen.refused) == pytest.approx(outcome(pairs, chosen.tau))
    grid = [(tau, *outcome(pairs, tau)) for tau in (step / 2000 for step in range(2001))]
    strict = [(f1, -tau) for tau, f1, refused in grid if refused >= refuse]
    assert strict and chosen.refused is not None and chosen.refused >= refuse
    best, lowest = max(strict)
    assert chosen.f1 == pytest.approx(best)
    assert chosen.tau <= -lowest


def test_the_threshold_lies_just_above_the_wrong_and_below_the_right() -> None:
    chosen = choose([0.9, 0.7, 0.4, 0.2], [1.0, 0.8, None, None], refuse=1.0)
    assert 0.4 < chosen.tau < 0.401
    assert (chosen.f1, chosen.refused) == (0.9, 1.0)


def test_the_lowest_threshold_wins_a_tie() -> None:
    assert choose([0.3, 0.5, 0.2], [0.0, 1.0, None], refuse=0.0).tau == 0.0
    assert 0.2 < choose([0.3, 0.5, 0.2], [0.0, 1.0, None], refuse=1.0).tau < 0.3


def test_no_more_is_refused_than_asked_for_where_that_costs() -> None:
    pairs = ([0.3, 0.9, 0.1, 0.6], [1.0, 1.0, None, None])
    assert choose(*pairs, refuse=0.5, errors=0) == pytest.approx((0.1, 1.0, 0.5), abs=1e-5)
    assert choose(*pairs, refuse=0.51, errors=0) == pytest.approx((0.6, 0.5, 1.0), abs=1e-5)


def test_of_few_questions_a_larger_share_must_be_refused_than_of_many() -> None:
    """0.7 of 10 less its standard error (0.145) is not yet 0.6; 0.7 of 40 less its own (0.072) is."""
    ten = [step / 10 for step in range(10)]
    few = choose([*ten, 0.95], [*[None] * 10, 1.0])
    many = choose([*ten * 4, 0.95], [*[None] * 40, 1.0])
    assert (few.refused, many.refused) == (0.8, 0.7)


def test_what_scores_1_cannot_be_refused_and_the_rest_is() -> None:
    """No tau is above 1: where the share can't be reached, what can be refused is."""
    assert choose([0.9, 1.0, 0.4], [1.0, None, None], refuse=1.0) == Threshold(1.0, 0.0, 0.5)


def test_what_the_model_refused_itself_stays_refused_under_every_threshold() -> None:
    assert choose([-1.0, 0.5], [1.0, None], refuse=0.0) == Threshold(0.0, 0.0, 0.0)
    assert choose([-1.0, 0.9], [None, 1.0], refuse=1.0) == Threshold(0.0, 1.0, 1.0)
    assert choose([-1.0, -1.0], [None, 1.0], refuse=1.0) == Threshold(0.0, 0.0, 1.0)


def test_where_nothing_shows_when_to_refuse_everything_is_answered() -> None:
    assert choose([], []) == Threshold(0.0, 0.0, None)
    assert choose([0.1, 0.9], [0.0, 1.0]) == Threshold(0.0, 0.5, None)
    assert choose([0.1, -1.0], [None, None]) == Threshold(0.0, 0.0, 0.5)


def test_a_score_without_its_f1_is_a_mistake_and_not_cut_off() -> None:
    with pytest.raises(ValueError, match="shorter"):
        choose([0.1, 0.2], [None])
