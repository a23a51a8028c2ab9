"""The verb `cascade` on kept answers: its router sends on at once what would escalate anyway, and serves."""

from pathlib import Path
from typing import Any

import pytest

from engine.artifact import writing
from engine.data.records import Question
from engine.errors import DataError
from engine.evaluation.scoring import Scored, score
from engine.inference.trace import Answer, Bullet, Draft, Trace, Verdict
from jobs import calibration, routing
from jobs.cascade import BUDGET, calibrated, cascade, choose
from jobs.opened import Opened
from jobs.workspace import artifact
from tests.ladders import Finds

COUNT = 120
MADE_OF = {"index": "i", "adapter": None, "dataset": "d"}


def answered(number: int, right: bool, tier: str, price: float) -> Scored:
    """Question `number`, of which every second asks why."""
    kind, split = ("Why", "Who")[number % 2], "dev" if number < COUNT // 2 else "test"
    question = Question(f"q{number}", f"{kind} is {number}?", ("Olsen",), split=split)
    parts = {"retrieval": 0.5, "coverage": 0.9 if right else 0.1 + 0.01 * (number % 7)}
    said = Answer("Olsen" if right else "Velden", "", False, (1,))
    verdict = Verdict(True, 0.5, parts, "", False)
    draft = Draft(tier, said, verdict, prompt_tokens=50, output_tokens=5, price=price)
    bullets = (Bullet(1, "Olsen opened it.", "a", 0, 0, 16, 1.0),)
    return score(
        question,
        Trace(question.question, said, bullets, verdict, 50, 5, tier=tier, drafts=(draft,)),
    )


def kept(name: str, easy: bool) -> None:
    """A calibration in the workspace: the small tier is wrong on most questions that ask why (if `easy`; else
    on every third of both kinds), the large one on few."""
    wrong = (lambda n: (n % 2 == 0) != (n % 20 == 5)) if easy else (lambda n: n % 3 == 0)
    small = calibration.judge("small", [answered(n, not wrong(n), "small", 1.0) for n in range(COUNT)])
    large = calibration.judge("large", [answered(n, n % 9 > 0, "large", 15.0) for n in range(COUNT)])
    tiers = {
        one.tier: {"name": one.name, "price": one.price, "calibration": one.calibration.model_dump()}
        for one in (small, large)
    }
    manifest = {"kind": "calibration", "name": name, "experiment": MADE_OF, "order": ["small", "large"]}
    manifest |= {"answer": {}, "tiers": tiers, **calibration.measured([small, large])}
    with writing(artifact("calibration", name), manifest) as folder:
        for one in (small, large):
            calibration.save(folder, one)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    return tmp_path


def opened(name: str, home: Path) -> Opened:
    made = Opened(name, home, {**MADE_OF, "spec": {"small": "small", "large": "large"}, "arms": {}})
    vars(made).update(index=None, reader=Finds("Olsen"))
    return made


def test_a_router_sends_on_what_would_escalate_anyway_and_is_served(home: Path) -> None:
    kept("easy", easy=True)
    plain = cascade("easy", budget=0.5)
    assert "route" not in plain["settings"] and "routed" not in plain
    found: Any = opened("easy", home).cascade()
    assert found[0].router is None and found[1].route == 0
    routed = cascade("easy", budget=0.5, route=True)
    assert {key: routed[key] for key in plain if key != "settings"} == {
        key: plain[key] for key in plain if key != "settings"
    }
    assert 0.3 < routed["routed"] <= 0.5 and routed["routed_anyway"] >= 0.9
    assert routed["cost_routed"] < routed["cost"]
    assert routed["f1_routed"] == pytest.approx(routed["f1_cascade"], abs=3)
    parts, spec = opened("easy", home).cascade()  # type: ignore[misc]
    assert spec.route == routed["settings"]["route"] > 0 and spec.accept == plain["settings"]["accept"]
    assert parts.router is not None
    why, who = (answered(n, True, "small", 1.0) for n in (0, 1))
    beliefs = [parts.router.probability(routing.known(one)) for one in (why, who)]
    assert beliefs[0] < spec.route <= beliefs[1]


def test_calibrating_alone_sets_the_usual_dial_and_is_served(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calibration once served nothing, and took the dial away, until `cascade` ran as well."""

    def calibrates(name: str, *_: Any, **__: Any) -> dict[str, Any]:
        kept(name, easy=True)
        return {"tau": 0.1, "auroc": 0.9}

    monkeypatch.setattr(calibration, "calibrate", calibrates)
    made = calibrated("easy")
    judged = calibration.read("easy")[1]
    usual = choose([judged["small"], judged["large"]], BUDGET, None)[0]
    assert made == {"tau": 0.1, "auroc": 0.9, "settings": usual}
    spec = opened("easy", home).cascade()[1]  # type: ignore[index]
    assert (spec.accept, spec.tau, spec.route) == (usual["accept"], usual["tau"], 0)


def test_where_the_question_tells_nothing_every_question_starts_at_the_first_tier(home: Path) -> None:
    kept("hard", easy=False)
    made = cascade("hard", budget=0.3, route=True)
    assert (made["settings"]["route"], made["routed"], made["routed_anyway"]) == (0, 0, None)
    assert (made["f1_routed"], made["cost_routed"]) == (made["f1_cascade"], made["cost"])


def test_the_threshold_is_the_highest_below_which_nearly_all_escalate() -> None:
    believed = [0.1] * 9 + [0.2, 0.3, 0.5]
    escalates = [True] * 9 + [False, False, True]
    assert routing.threshold(believed, escalates) == 0.3
    assert routing.threshold(believed, [not up for up in escalates]) == 0.0
    assert routing.threshold([0.1] * 4 + [0.9] * 4, [True] * 4 + [False] * 4) == 0.0, "four are too few"


def test_too_few_answers_make_no_router() -> None:
    few = [routing.Seen(answered(n, n % 2 == 0, "small", 1.0), 0.5, 1.0) for n in range(8)]
    with pytest.raises(DataError, match="too few to calibrate on"):
        routing.fitted(few, 0.5)
