"""P(correct) ranks and is honest on outcomes drawn from a known belief; figures are counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DataError
from engine.evaluation import calibrate
from engine.evaluation.calibrate import auroc, chance_ece, ece, fit, out_of_fold, quality, reliability, worth
from engine.inference.belief import Calibration, transformed


def drawn(count: int, seed: int = 0) -> tuple[list[dict[str, float]], list[bool], list[float]]:
    """Answers whose chance to be right hangs on two of three features."""
    source = np.random.default_rng(seed)
    rows = source.random((count, 3))
    chance = 1 / (1 + np.exp(-(5 * rows[:, 0] + 3 * rows[:, 1] - 4)))
    right = source.random(count) < chance
    parts = [{"agreement": a, "coverage": b, "brief": c} for a, b, c in rows.tolist()]
    return parts, right.tolist(), chance.tolist()


@pytest.mark.parametrize("isotonic", [False, True])
def test_a_fit_finds_the_chance_that_the_outcomes_were_drawn_from(isotonic: bool) -> None:
    parts, right, _ = drawn(800)
    made = fit(parts, right, isotonic=isotonic)
    unseen, outcome, chance = drawn(800, seed=1)
    believed = [made.probability(one) for one in unseen]
    assert abs(np.mean(np.abs(np.array(believed) - chance))) < 0.08
    seen = quality(believed, outcome)
    assert seen.auroc is not None and seen.auroc > 0.75 and seen.ece < 0.09


def test_out_of_fold_beliefs_have_not_seen_their_answer() -> None:
    """Noise that only a fit which saw the outcome could turn into a ranking."""
    source = np.random.default_rng(3)
    parts = [{f"f{n}": value for n, value in enumerate(row)} for row in source.random((60, 12)).tolist()]
    right = (source.random(60) < 0.5).tolist()
    seen = auroc([fit(parts, right).probability(one) for one in parts], right)
    held = auroc(out_of_fold(parts, right), right)
    assert seen is not None and held is not None and seen > held + 0.1


def test_the_useful_feature_comes_first_and_is_missed() -> None:
    parts, right, _ = drawn(400)
    rows = {row.feature: row for row in worth(parts, right)}
    assert next(iter(rows)) == "agreement"
    assert rows["agreement"].lost > 0.05 > abs(rows["brief"].lost)


def test_ece_is_the_mean_gap_counted_by_hand() -> None:
    """Two bins: .05 and .15 believed with half right; .95 believed and right."""
    believed, right = [0.05, 0.05, 0.95, 0.95], [True, False, True, True]
    assert ece(believed, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)
    assert [row.n for row in reliability(believed, right)] == [2, 2]
    assert ece([1.0, 1.0], [True, True]) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_pairs_that_stand_in_order(seen: list[tuple[int, bool]]) -> None:
    good, bad = ([score for score, right in seen if right is kind] for kind in (True, False))
    found = auroc([float(score) for score, _ in seen], [right for _, right in seen])
    if not good or not bad:
        assert found is None
        return
    ordered = sum((one > two) + 0.5 * (one == two) for one in good for two in bad)
    assert found == pytest.approx(ordered / (len(good) * len(bad)))


@pytest.mark.parametrize(("shift", "gap"), [(0.0, 0.0), (0.2, 0.2), (-0.1, 0.1)])
def test_ece_of_outcomes_drawn_from_the_belief_is_what_was_added_to_it(shift: float, gap: float) -> None:
    source = np.random.default_rng(1)
    chance = source.uniform(0.25, 0.75, 40_000)
    right = (source.random(40_000) < chance).tolist()
    assert ece((chance + shift).tolist(), right) == pytest.approx(gap, abs=0.015)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_bins_hold_every_answer_once_and_ece_is_between_0_and_1(seen: list[tuple[float, bool]]) -> None:
    believed, right = [p for p, _ in seen], [y for _, y in seen]
    bins = reliability(believed, right)
    assert sum(row.n for row in bins) == len(seen)
    assert sum(row.right * row.n for row in bins) == pytest.approx(sum(right))
    assert sum(row.believed * row.n for row in bins) == pytest.approx(sum(believed))
    assert abs(sum(believed) - sum(right)) / len(seen) - 1e-9 <= ece(believed, right) <= 1


def test_auroc_is_unknown_where_all_are_right_and_the_brier_score_is_the_mean_square() -> None:
    seen = quality([0.5, 1.0], [True, True])
    assert seen.auroc is None and seen.brier == pytest.approx(0.125) and seen.right == 1
    assert auroc([0.1, 0.5, 0.5, 0.9], [False, True, False, True]) == pytest.approx(0.875)


def test_a_perfect_belief_shows_some_ece_by_chance_and_less_on_more_answers() -> None:
    few, many = (chance_ece(list(np.linspace(0.05, 0.95, count))) for count in (40, 2000))
    assert 0 < many < few / 2


@pytest.mark.parametrize("right", [[True] * 10, [True] * 50, [True] * 46 + [False] * 4])
def test_too_few_answers_are_said(right: list[bool]) -> None:
    with pytest.raises(DataError, match="too few to calibrate"):
        fit([{"coverage": 1.0}] * len(right), right)


def test_answers_beside_make_up_for_too_few_and_are_learned_from() -> None:
    """Of 40 answers 2 are right: alone too few; beside 200 that tell what counts, the two rank high."""
    many, outcome, _ = drawn(200)
    few = [{"agreement": 0.9, "coverage": 0.9, "brief": 0.5}] * 2
    few += [{"agreement": 0.1, "coverage": 0.2, "brief": n / 38} for n in range(38)]
    right = [True] * 2 + [False] * 38
    with pytest.raises(DataError, match="too few to calibrate"):
        out_of_fold(few, right)
    assert auroc(out_of_fold(few, right, beside=many, known=outcome), right) == 1.0
    assert worth(few, right) == []


def test_no_answers_have_no_quality() -> None:
    with pytest.raises(ValueError, match="nothing to judge"):
        quality([], [])


def test_a_missing_part_counts_as_the_average_and_the_pulls_add_up() -> None:
    parts, right, _ = drawn(200)
    made = fit(parts, right)
    mean = dict(zip(made.features, made.mean, strict=True))
    assert made.probability({}) == pytest.approx(made.probability(mean))
    one = parts[0]
    odds = made.bias + sum(made.pulls(one).values())
    assert made.probability(one) == pytest.approx(1 / (1 + np.exp(-odds)))


def test_a_calibration_survives_its_manifest() -> None:
    parts, right, _ = drawn(100)
    made = fit(parts, right, isotonic=True)
    again = Calibration.model_validate_json(made.model_dump_json())
    assert [again.probability(one) for one in parts] == [made.probability(one) for one in parts]
    assert all(0 <= again.probability(one) <= 1 for one in parts)


def test_probabilities_become_log_odds_and_other_parts_stay() -> None:
    assert transformed("coverage", 0.9) == 0.9
    assert transformed("willing", 0.5) == 0
    assert transformed("willing", 1.0) == pytest.approx(-transformed("willing", 0.0))
    assert calibrate.EDGE > 0
