"""Calibrating and choosing dials: dev alone decides, test is only shown, kept answers are not asked again."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.data.records import Question
from engine.errors import ConfigError, DataError
from engine.evaluation.scoring import Scored
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Answer
from jobs import calibration
from jobs.calibration import Judged, judge
from jobs.cascade import cascade, choose, finals, side
from jobs.opened import Opened
from tests.jobs.test_cascade import COUNT, answered, home, kept  # noqa: F401  (home is a fixture)


@cache
def tier(name: str, every: int, price: float, turned: bool = False) -> Judged:
    """A tier that is wrong on every so many-th question; `turned` turns its test answers round."""
    rows = [answered(n, (n % every > 0) != (turned and n >= COUNT // 2), name, price) for n in range(COUNT)]
    return judge(name, rows)


def refusing(scored: Scored) -> Scored:
    """The same question, refused by its tier."""
    return replace(
        scored,
        f1=0.0,
        accuracy=0.0,
        trace=replace(scored.trace, answer=Answer("I don't know", "", True), verdict=None),
    )


def test_nothing_of_the_test_split_reaches_calibration_or_dials() -> None:
    plain, turned = ([tier("small", 3, 1.0, turn), tier("large", 9, 15.0, turn)] for turn in (False, True))
    for one, two in zip(plain, turned, strict=True):
        assert (one.calibration, one.held_out) == (two.calibration, two.held_out)
    for dial in ((0.3, None), (None, 0.4)):
        (here, seen), (there, other) = (choose(tiers, *dial) for tiers in (plain, turned))
        assert here == there
        assert seen["f1_large"] != other["f1_large"]


def test_other_experiments_answers_are_learned_from_and_their_test_split_too() -> None:
    rows = [answered(n, n % 3 > 0, "small", 1.0) for n in range(COUNT)]
    beside = [answered(n, n % 2 > 0, "small", 1.0) for n in range(COUNT)]
    alone, both = judge("small", rows), judge("small", rows, beside=beside)
    assert (alone.calibration.n, both.calibration.n) == (COUNT // 2, COUNT // 2 + COUNT)
    assert len(both.held_out) == COUNT // 2 and both.held_out != alone.held_out
    assert both.dev == alone.dev and both.test == alone.test


def test_another_experiment_without_the_tier_is_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tiers(name: str) -> Any:
        def tier(one: str) -> None:
            if name == "other" and one == "adapter":
                raise ConfigError("The experiment 'other' has no tier 'adapter': none was trained.")

        return SimpleNamespace(tier=tier)

    monkeypatch.setattr(calibration, "open_experiment", lambda name, _: tiers(name))
    monkeypatch.setattr(calibration, "answer_spec", lambda _: AnswerSpec())
    monkeypatch.setattr(calibration, "answered", lambda *_: pytest.fail("a question was asked"))
    with pytest.raises(ConfigError, match="'other' has no tier 'adapter'"):
        calibration.calibrate("mine", "adapter,large", also="other")


def test_peers_are_the_first_tiers_answers_to_the_same_questions_everywhere() -> None:
    small = [answered(n, n % 3 > 0, "small", 1.0) for n in range(COUNT)]
    large = [answered(n, n % 9 > 0, "large", 15.0) for n in range(COUNT)]
    made = judge("large", large, small, large, small)
    assert "peer" in made.calibration.features
    for one, first in zip(made.test, small[COUNT // 2 :], strict=True):
        same = one.trace.answer.text == first.trace.answer.text
        assert one.trace.verdict is not None and one.trace.verdict.parts["peer"] == same
    assert "peer" not in judge("small", small, small, large, large).calibration.features


def test_an_experiment_is_not_learned_from_beside_itself(home: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="must not be learned from"):
        calibration._others("space", "handbook, space")


def test_evidence_beyond_a_tiers_window_loses_bullets_and_does_not_stop_a_calibration() -> None:
    arms = {"rag+compress": {"answer": AnswerSpec().model_dump(), "threshold": None}}
    opened = Opened("space", Path(), {"arms": arms}, None)
    assert calibration.answer_spec(opened).overlong == "drop"


def test_a_refused_draft_has_no_belief_is_fitted_on_by_nobody_and_escalates() -> None:
    rows = [answered(n, n % 3 > 0, "small", 1.0) for n in range(COUNT)]
    small = judge("small", [refusing(one) if n % 10 == 0 else one for n, one in enumerate(rows)])
    large = tier("large", 9, 15.0)
    assert [n for n, p in enumerate(small.held_out) if p < 0] == list(range(0, COUNT // 2, 10))
    assert small.calibration.n == COUNT // 2 - COUNT // 20
    sides = [side(one, "test") for one in (small, large)]
    settings, _ = choose([small, large], 0.2, None)
    ends = finals(sides, settings["accept"])
    assert all(end is sides[1][n] for n, end in enumerate(ends) if sides[0][n].believed < 0)


@pytest.mark.parametrize("budget", [0.0, 0.1, 0.3, 1.0])
def test_on_dev_no_more_than_the_budget_escalates_and_the_result_is_the_dials(budget: float) -> None:
    tiers = [tier("small", 3, 1.0), tier("large", 9, 15.0)]
    settings, result = choose(tiers, budget, None)
    up = [one.believed < settings["accept"] for one in side(tiers[0], "dev")]
    assert sum(up) <= budget * len(up) and (budget < 1 or all(up))
    test = [side(one, "test") for one in tiers]
    ends = finals(test, settings["accept"])
    assert result["f1_cascade"] == pytest.approx(100 * sum(end.scored.f1 or 0.0 for end in ends) / len(ends))
    assert result["f1_oracle"] >= result["f1_cascade"] - 1e-9 >= 0


def test_where_the_large_tier_is_worse_it_is_said_and_no_apgr_is_made_up() -> None:
    _, result = choose([tier("small", 9, 1.0), tier("large", 3, 15.0)], 0.3, None)
    assert result["f1_large"] < result["f1_small"] and result["apgr"] is None
    assert "is not better than those before it" in result["sentence"]


def test_a_risk_that_dev_cannot_promise_is_said_with_the_number_it_takes() -> None:
    _, result = choose([tier("small", 9, 1.0), tier("large", 8, 15.0)], None, 0.01)
    assert result["promised"]["needed"] == 299 and not result["promised"]["feasible"]
    assert "at least 299 are needed" in result["sentence"]


def test_curves_and_figures_are_kept_beside_the_report(home: Path) -> None:  # noqa: F811
    kept("figures", easy=True)
    made = cascade("figures", budget=0.3)
    place = Path(made["report"]).parent
    lines = {line["name"] for line in json.loads((place / "curves.json").read_text())}
    assert {"cascade", "random mix", "oracle", "always large", "small, none escalated"} <= lines
    for name in ("curve.svg", "reliability.svg"):
        assert (place / name).read_text().startswith("<svg")
    told = (place / "report.md").read_text()
    assert "## What each feature is worth" in told and f"apgr | {made['apgr']:.3f}" in told


class Asked:
    """Counts what is asked of it, and fails at its `dies`-th question."""

    def __init__(self, dies: int = 10**9) -> None:
        self.questions: list[str] = []
        self.dies = dies

    def __call__(self, parts: Any, questions: list[str], spec: AnswerSpec) -> list[Any]:
        made = []
        for question in questions:
            if len(self.questions) == self.dies:
                raise DataError("the power is cut")
            self.questions.append(question)
            number = int(question.split()[-1].rstrip("?"))
            made.append(answered(number, True, "small", 1.0).trace)
        return made


def test_answers_that_were_kept_before_a_crash_are_not_asked_for_again(
    home: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions = tuple(answered(n, True, "small", 1.0).question for n in range(80))
    opened = opened_with(questions, home)
    first, second = Asked(dies=70), Asked()
    monkeypatch.setattr(calibration, "answer_many", first)
    with pytest.raises(DataError):
        calibration.answered(opened, "small", AnswerSpec(), lambda _: None)
    monkeypatch.setattr(calibration, "answer_many", second)
    done = calibration.answered(opened, "small", AnswerSpec(), lambda _: None)
    assert [one.question.id for one in done] == [one.id for one in questions]
    assert second.questions == [one.question for one in questions[64:]]
    again = Asked()
    monkeypatch.setattr(calibration, "answer_many", again)
    assert len(calibration.answered(opened, "small", AnswerSpec(), lambda _: None)) == 80
    calibration.answered(opened, "small", AnswerSpec(k=4), lambda _: None)
    assert len(again.questions) == 80, "another way to answer is asked anew"


def opened_with(questions: tuple[Question, ...], place: Path) -> Opened:
    made = Opened("x", place, {"index": "i", "spec": {"small": "small", "large": "large"}, "arms": {}})
    vars(made).update(index=None, reader=None, questions=questions, ladder=lambda *_: None)
    vars(made).update(warnings=lambda _: [])
    return made


@pytest.mark.parametrize(
    ("budget", "risked", "said"),
    [
        (1.5, None, "--budget 1.5"),
        (None, -0.1, "--risk -0.1"),
        (0.3, 0.1, "one dial"),
        (None, 0.0, "--risk 0"),
    ],
)
def test_a_dial_that_is_none_is_refused_in_words(
    budget: float | None, risked: float | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        cascade("nobody", budget, risked)
