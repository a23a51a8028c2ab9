"""What our own decoding says is what transformers' generate says, token for token, with and without each
feature.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.evaluation.exactness import FEATURES, exactness, random_prompts
from engine.inference.model import Loaded, load
from tests import tiny

Tiny = Callable[[str], Path]
# past the sliding windows (16 and 48) and on both sides of longrope's border (256)
LENGTHS = (3, 20, 70, 180, 250)


def drafting(name: str, place: Path) -> Loaded:
    """A model of the same family with other weights: its drafts are wrong almost always."""
    return load(str(tiny.model(name, place / "small", seed=1)), device="cpu")


@pytest.mark.parametrize("name", tiny.MODELS)
def test_every_architecture_answers_as_generate_does(name: str, tiny_model: Tiny, tmp_path: Path) -> None:
    loaded = load(str(tiny_model(name)), device="cpu")
    prompts = random_prompts(loaded, 6, LENGTHS, seed=5)
    small = drafting(name, tmp_path)
    assert exactness(loaded, prompts, small=small) == {feature: [] for feature in FEATURES}


@pytest.mark.parametrize("name", ["qwen3", "gemma3", "phi4"])
def test_a_draft_model_that_is_right_changes_nothing_either(name: str, tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model(name)), device="cpu")
    prompts = random_prompts(loaded, 4, LENGTHS, seed=6)
    assert exactness(loaded, prompts, features=["speculation"], max_new_tokens=14) == {"speculation": []}


def test_the_comparison_sees_one_wrong_token(tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(str(tiny_model("qwen3")), device="cpu")
    prompts = random_prompts(loaded, 3, LENGTHS)
    places: list[int] = []

    def wrong(*_: Any) -> Any:
        def choose(row: Any, banned: int | None = None) -> tuple[int, float]:
            places.append(0)
            return int(row.argsort()[-2 if len(places) == 9 else -1]), 0.0

        return choose

    monkeypatch.setattr("engine.inference.stream.chooser", wrong)
    assert exactness(loaded, prompts, features=["plain"])["plain"] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("name", tiny.MODELS)
def test_200_random_prompts_of_every_architecture(name: str, tiny_model: Tiny, tmp_path: Path) -> None:
    """Each feature in turn gets its share of the prompts; with BANTAM_EXACT=full each gets all 200."""
    loaded, small = load(str(tiny_model(name)), device="cpu"), drafting(name, tmp_path)
    prompts = random_prompts(loaded, 200, LENGTHS, seed=7)
    full = os.environ.get("BANTAM_EXACT") == "full"
    for turn, feature in enumerate(FEATURES):
        some = prompts if full else prompts[turn :: len(FEATURES)]
        differ = exactness(loaded, some, small=small, features=[feature], max_new_tokens=5)
        assert differ == {feature: []}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [("bantam-small", 200), ("smollm2-135m", 5), ("smollm2-135m-grounded", 5)]
)
def test_the_embedded_models_in_float32(name: str, count: int) -> None:
    """A few of them; `python -m jobs bench --decode --exact 200` counts 200 of each, which takes minutes."""
    import torch

    loaded = load(name, device="cpu", precision=torch.float32)
    prompts = random_prompts(loaded, count, (3, 20, 60), seed=8)
    assert exactness(loaded, prompts, max_new_tokens=6) == {feature: [] for feature in FEATURES}
