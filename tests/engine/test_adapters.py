"""An adapter is whole, answers when it is loaded again, and serves nothing it was not made for."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import MANIFEST, read_manifest
from engine.data.records import Document
from engine.errors import ArtifactError, ModelError, TrainingError
from engine.inference.decode import decode
from engine.inference.model import Loaded, load
from engine.inference.prompt import PROMPT_VERSION, answer_messages, prompt_ids
from engine.retrieval.index import build
from engine.training.adapters import FILES, check, reload, save, trained_for
from engine.training.examples import Row


@pytest.fixture(scope="module")
def base(tiny_model: Callable[[str], Path]) -> str:
    return str(tiny_model("smollm2"))


@pytest.fixture(scope="module")
def loaded(base: str) -> Loaded:
    return load(base, device="cpu")


@pytest.fixture(scope="module")
def trained(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter with random weights, and beside it what a trainer leaves."""
    import torch
    from peft import LoraConfig, get_peft_model

    place = tmp_path_factory.mktemp("trained")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        settings = LoraConfig(
            r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
        )
        get_peft_model(load(base, device="cpu").model, settings).save_pretrained(place)
    (place / "optimizer.pt").write_bytes(b"not for serving")
    return place


@pytest.fixture
def place(trained: Path, loaded: Loaded, corpus_index: Any, tmp_path: Path) -> Path:
    manifest = trained_for(loaded) | {"index": corpus_index.fingerprint, "rows": 3}
    save(trained, tmp_path / "adapter", manifest)
    return tmp_path / "adapter"


def rows(loaded: Loaded) -> list[Row]:
    return [
        Row(prompt_ids(loaded.tokenizer, answer_messages(f"Who signed treaty {number}?")), [1], "closed-book")
        for number in range(6)
    ]


def test_an_adapter_is_its_two_files_and_a_manifest(place: Path, trained: Path, loaded: Loaded) -> None:
    assert {file.name for file in place.iterdir()} == {*FILES, MANIFEST}
    assert all((place / name).read_bytes() == (trained / name).read_bytes() for name in FILES)
    manifest = read_manifest(place)
    assert (manifest["kind"], manifest["prompt_version"], manifest["rows"]) == ("adapter", PROMPT_VERSION, 3)
    assert manifest["base"] == loaded.name


def test_half_an_adapter_is_not_saved_and_the_old_one_stays(place: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / FILES[0]).write_text("{}")
    before = (place / FILES[0]).read_bytes()
    for target in (tmp_path / "new", place):
        with pytest.raises(ArtifactError, match="cannot be written"):
            save(half, target, {})
    assert not (tmp_path / "new").exists()
    assert (place / FILES[0]).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "half"]


def test_a_reloaded_adapter_changes_the_answers(place: Path, base: str, loaded: Loaded) -> None:
    asked = rows(loaded)
    again = reload(place, base, asked, "cpu")
    assert again.adapter == str(place)
    prompts = [row.prompt for row in asked]
    assert [one.ids for one in decode(again, prompts)] != [one.ids for one in decode(loaded, prompts)]


def test_an_adapter_whose_answers_are_no_numbers_is_not_done(place: Path, base: str, loaded: Loaded) -> None:
    from safetensors.torch import load_file, save_file

    file = place / "adapter_model.safetensors"
    save_file({name: tensor * math.nan for name, tensor in load_file(file).items()}, file)
    with pytest.raises(TrainingError, match="gives no numbers when it is loaded again"):
        reload(place, base, rows(loaded), "cpu")


def test_an_adapter_serves_what_it_was_trained_for(place: Path, loaded: Loaded, corpus_index: Any) -> None:
    assert check(place, loaded, corpus_index) == []
    assert check(place, loaded, None) == []


@pytest.mark.parametrize(
    ("field", "said"),
    [("base", "trained for base 'other'"), ("prompt_version", "trained for prompt version 'other'")],
)
def test_another_base_or_prompt_is_refused(place: Path, loaded: Loaded, field: str, said: str) -> None:
    manifest = read_manifest(place)
    for wrong in (manifest | {field: "other"}, {k: v for k, v in manifest.items() if k != field}):
        (place / MANIFEST).write_text(json.dumps(wrong))
        expected = said if field in wrong else said.replace("'other'", "None")
        with pytest.raises(ModelError, match=f"The adapter adapter was {expected} .*train it again"):
            check(place, loaded, None)


def test_another_chat_template_is_refused(place: Path, loaded: Loaded) -> None:
    import copy

    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "<|im_end|> ")
    with pytest.raises(ModelError, match=f"template '{loaded.template}' and this would serve it with"):
        check(place, replace(loaded, tokenizer=tokenizer), None)


def test_another_rope_is_refused_and_another_window_told(
    place: Path, loaded: Loaded, base: str, tmp_path: Path
) -> None:
    """An adapter trained at factor 4 and served at factor 2 answers, wrongly, and says nothing."""
    wider = tmp_path / "wider"
    shutil.copytree(base, wider)
    config = json.loads((wider / "config.json").read_text())
    rope = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0}
    (wider / "config.json").write_text(json.dumps(config | {"rope_parameters": rope}))
    scaled = replace(loaded, model=load(str(wider), device="cpu").model)
    with pytest.raises(ModelError, match="trained for rope .*'default'.* serve it with .*'linear'"):
        check(place, scaled, None)
    assert check(place, replace(loaded, context=1024), None) == [
        "the adapter was trained with a window of 512 tokens and is served with one of 1024"
    ]


def test_an_adapter_from_before_rope_was_kept_still_serves(place: Path, loaded: Loaded) -> None:
    manifest = read_manifest(place)
    old = {name: value for name, value in manifest.items() if name not in ("rope", "window")}
    (place / MANIFEST).write_text(json.dumps(old))
    assert check(place, replace(loaded, context=1024), None) == []


def test_another_index_is_told_and_not_refused(place: Path, loaded: Loaded) -> None:
    other = build([Document("one", "One", "One sentence is enough here.")])
    (said,) = check(place, loaded, other)
    assert "another index" in said


def test_a_folder_without_a_manifest_serves_nothing(trained: Path, loaded: Loaded) -> None:
    with pytest.raises(ArtifactError, match="no readable"):
        check(trained, loaded, None)
