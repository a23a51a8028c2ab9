"""What our own decoding says is what transformers' generate says, token for token, with and without each
feature.

`BANTAM_EXACT=full python -m pytest tests/engine/test_exact.py -m slow` gives each feature 200 prompts and
writes docs/reports/exactness.md; it takes most of an hour on two cores.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.evaluation.exactness import FEATURES, counted, exactness, random_prompts, table
from engine.inference.decode import decode, sides
from engine.inference.forward import border, changing
from engine.inference.model import Loaded, load
from tests import tiny

Tiny = Callable[[str], Path]
# past the sliding windows (16 and 48) and on both sides of longrope's border (256)
LENGTHS = (3, 20, 70, 180, 250)
FULL = os.environ.get("BANTAM_EXACT") == "full"
EMBEDDED = [("bantam-small", 40), ("smollm2-135m", 4)]
if FULL:  # the same network with other weights
    EMBEDDED.append(("smollm2-135m-grounded", 4))
PATIENT = pytest.mark.timeout(7200 if FULL else 900)
REPORTS = Path(__file__).resolve().parents[2] / "docs" / "reports"
ABOUT = """# Is our decoding the model's own?

Equal answers of all, against plain `generate` of transformers, greedy, float32, token for token. Random
prompts; the models named after families are tiny ones of their architecture with random weights. The
features are those of `engine/evaluation/exactness.py`: the loop alone, with the prefix cache, with prompt
lookup, with another model's drafts (the embedded models draft for themselves), with a guessed answer that is
wrong in one token, the batched decoder, and three samples at once (equal to what generate's own logits give
for the same draws, but where two tokens are alike to 1e-4).

    BANTAM_EXACT=full .venv/bin/python -m pytest tests/engine/test_exact.py -m slow

"""


def kept(name: str, differ: dict[str, list[int]], total: int) -> None:
    """Write a model's row of the full sweep into the report."""
    file = REPORTS / "exactness.json"
    REPORTS.mkdir(parents=True, exist_ok=True)
    rows = json.loads(file.read_text()) if file.is_file() else {}
    rows[name] = counted(differ, total)
    file.write_text(json.dumps(rows, indent=1) + "\n")
    (REPORTS / "exactness.md").write_text(f"{ABOUT}{table(rows)}\n")


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


ROPES = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "ntk": {"rope_type": "default", "rope_theta": 80_000.0},
    "dynamic": {"rope_type": "dynamic", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64},
}


@pytest.mark.parametrize("kind", ROPES)
def test_scaled_rope_changes_nothing_about_it(kind: str, tiny_model: Tiny, tmp_path: Path) -> None:
    """All but dynamic turn a place by the same angle however long the text is; dynamic does so within the
    model's window, which no prompt leaves."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("qwen3"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"] = {"rope_theta": 10_000.0} | ROPES[kind]
    (folder / "config.json").write_text(json.dumps(config))
    loaded = load(str(folder), device="cpu")
    assert changing(loaded.model.config) == (kind == "dynamic")
    prompts = random_prompts(loaded, 4, LENGTHS, seed=9)
    features = ["plain", "prefix", "guess", "batch", "samples"]
    assert exactness(loaded, prompts, features=features) == {feature: [] for feature in features}


def test_in_a_batch_texts_on_both_sides_of_longropes_border_are_each_as_if_alone(tiny_model: Tiny) -> None:
    """They shared one set of frequencies, and what crossed the border kept stale keys: other answers."""
    loaded = load(str(tiny_model("phi4")), device="cpu")
    assert border(loaded.model.config) == 256
    lengths = (40, 249, 250, 252, 255, 256, 257, 300, 480)
    prompts = [[10 + (7 * place + length) % 300 for place in range(length)] for length in lengths]
    together = decode(loaded, prompts, max_new_tokens=8)
    alone = [decode(loaded, [prompt], max_new_tokens=8)[0] for prompt in prompts]
    assert [one.ids for one in together] == [one.ids for one in alone]
    assert exactness(loaded, prompts, features=["batch"]) == {"batch": []}


def test_only_what_may_cross_the_border_is_answered_alone() -> None:
    assert sides([5, 9, 3], 4, None) == [[0, 1, 2]]
    assert sides([5, 9, 3, 7, 8, 12], 4, 8) == [[0, 2], [1, 5], [3], [4]]
    assert sides([], 4, None) == sides([], 4, 8) == []


@pytest.mark.slow
@PATIENT
@pytest.mark.parametrize("name", tiny.MODELS)
def test_200_random_prompts_of_every_architecture(name: str, tiny_model: Tiny, tmp_path: Path) -> None:
    """Each feature in turn gets its share of the prompts; in the full sweep each gets all 200."""
    loaded, small = load(str(tiny_model(name)), device="cpu"), drafting(name, tmp_path)
    prompts = random_prompts(loaded, 200, LENGTHS, seed=7)
    if FULL:
        differ = exactness(loaded, prompts, small=small)
        kept(f"{name} (tiny)", differ, 200)
        assert differ == {feature: [] for feature in FEATURES}
        return
    for turn, feature in enumerate(FEATURES):
        some = prompts[turn :: len(FEATURES)]
        assert exactness(loaded, some, small=small, features=[feature]) == {feature: []}


@pytest.mark.slow
@PATIENT
@pytest.mark.parametrize(("name", "count"), EMBEDDED)
def test_the_embedded_models_in_float32(name: str, count: int) -> None:
    """A few of them; 200 of each in the full sweep."""
    import torch

    count = 200 if FULL else count
    loaded = load(name, device="cpu", precision=torch.float32)
    prompts = random_prompts(loaded, count, (3, 20, 60), seed=8)
    differ = exactness(loaded, prompts, max_new_tokens=6)
    if FULL:
        kept(name, differ, count)
    assert differ == {feature: [] for feature in FEATURES}
