"""Wilson's interval against scipy's, and the words that go with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from engine.evaluation.preference import verdict, wilson


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(case: tuple[int, int]) -> None:
    won, n = case
    share = wilson(won, n)
    if n == 0:
        assert share is None
        return
    known = binomtest(won, n).proportion_ci(0.95, method="wilson")
    assert share is not None and share.value == won / n
    assert (share.low, share.high) == pytest.approx((known.low, known.high), abs=1e-9)
    assert 0 <= share.low <= share.value <= share.high <= 1


@pytest.mark.parametrize(("won", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_no_share_is_an_error(won: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(won, n)


def test_few_votes_decide_nothing_and_many_do() -> None:
    assert verdict(0, 0) == "no vote prefers one of the two yet"
    assert verdict(2, 1).startswith("undecided: the first won 67 % of 3 decided votes")
    assert verdict(90, 10).startswith("the first is preferred: 90 % of 100 decided votes")
    assert verdict(10, 90).startswith("the second is preferred: the first won 10 % of 100")
