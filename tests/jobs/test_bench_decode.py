"""The decode bench counts what is equal and divides the right way round; speed itself is not tested here."""

from typing import Any

import pytest

from engine.inference.model import load
from jobs.bench_decode import Clock, compare, compare_five, shown

CHATS = [
    ("When was the treaty signed?", ["It ended a long war.", "The treaty was signed in 1648."]),
    ("Where is the lander?", ["The lander is on the Moon."]),
    ("Who?", ["It ended a long war."]),
]


@pytest.fixture(scope="module")
def small() -> Any:
    return load("bantam-small", device="cpu")


def test_a_ratio_says_how_many_times_as_long_the_plain_way_takes() -> None:
    clock = Clock()
    clock.wall, clock.cpu = {"plain": 6.0, "ours": 2.0}, {"plain": 3.0, "ours": 4.0}
    assert clock.ratio("plain", "ours") == {"wall": 3.0, "cpu": 0.75}
    assert clock.time("ours", lambda: 7) == 7 and clock.wall["ours"] > 2.0


def test_both_ways_are_run_and_compared(small: Any) -> None:
    made = compare(small, CHATS, small)
    assert (made["prompts"], made["equal"], made["guess_equal"]) == (3, 3, 3)
    assert (
        made["tokens"] > 6
        and made["greedy"]["wall"] > 0
        and made["ms"].keys() == {"plain", "ours", "small", "guess"}
    )
    five = compare_five(small, CHATS[:1])
    assert five["tokens"]["plain"] >= 5 and five["tokens"]["ours"] >= 5
    page = {"model": "m", "format": "float32", "machine": "here", "threads": 1, "load_before": 0.1}
    said = shown(page | {"greedy": made, "five": five, "exact": {"m": {"plain": "3/3"}}})
    assert "3 of 3 answers equal" in said and "m: plain 3/3" in said
