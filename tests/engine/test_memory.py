"""The estimate against measured peaks, against the catalog's sizes, and against models that are built."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import catalog
from engine.errors import ConfigError, ModelError
from engine.training.memory import ModelFacts, estimate, facts, kv_cache
from engine.training.sft import LoraSpec
from engine.training.shapes import from_config

SMALL, SMOL = facts("bantam-small"), facts("smollm2-135m")
MIDDLE = ModelFacts("a Llama of 201 M", 12, 1024, 3072, 16, 8, 64, 49152)

# shape, device, precision, rows at once, tokens a row, r, dropout, peak in bytes. CUDA: max_memory_allocated
# on an H100; CPU: the most main memory of the process. Batches of rows of one length, three steps.
MEASURED = [
    (SMALL, "cuda", "float32", 8, 300, 32, 0.05, 651_137_536),
    (SMOL, "cuda", "bfloat16", 8, 400, 32, 0.05, 4_673_488_896),
    (SMOL, "cuda", "bfloat16", 8, 400, 32, 0.0, 4_131_254_784),
    (MIDDLE, "cuda", "bfloat16", 4, 1024, 64, 0.05, 4_738_364_928),
    (SMALL, "cpu", "float32", 8, 32, 32, 0.05, 731_496_448),
    (SMALL, "cpu", "float32", 8, 300, 32, 0.05, 1_774_964_736),
    (SMALL, "cpu", "float32", 8, 600, 32, 0.05, 2_839_101_440),
    (SMALL, "cpu", "float32", 4, 300, 32, 0.0, 1_054_830_592),
    (SMOL, "cpu", "bfloat16", 4, 128, 32, 0.05, 2_245_656_576),
]


@pytest.mark.parametrize(("shape", "device", "precision", "rows", "length", "r", "dropout", "peak"), MEASURED)
def test_the_estimate_is_within_a_tenth_of_what_was_measured(
    shape: ModelFacts, device: str, precision: str, rows: int, length: int, r: int, dropout: float, peak: int
) -> None:
    spec = LoraSpec(r=r, dropout=dropout, batch=rows, micro_batch=rows)
    made = estimate(spec, shape, device=device, precision=precision, length=length)
    assert made.total == pytest.approx(peak, rel=0.1)
    assert sum(made.parts().values()) == made.total


@pytest.mark.parametrize(
    "entry", [one for one in catalog.ENTRIES if one.kind == "causal"], ids=lambda e: e.name
)
def test_the_shapes_have_as_many_weights_as_the_catalog_says(entry: catalog.Entry) -> None:
    """Gemma's 4B comes with an image tower that is no part of its decoder."""
    counted = facts(entry.name).parameters / 1e6
    assert counted == pytest.approx(entry.parameters, rel=0.11 if entry.name == "gemma-3-4b-it" else 0.04)


@pytest.mark.parametrize("architecture", ["smollm2", "qwen3", "phi3"])
def test_a_model_that_is_built_has_that_many_weights_and_adapter_weights(
    architecture: str, tiny_model: Callable[[str], Path]
) -> None:
    from peft import LoraConfig, get_peft_model

    from engine.inference.model import load

    folder = tiny_model(architecture)
    shape = from_config(architecture, json.loads((folder / "config.json").read_text()))
    model: Any = load(str(folder), device="cpu").model
    heads = (
        2 * shape.head_width * shape.layers if architecture == "qwen3" else 0
    )  # its norms of query and key
    assert shape.parameters + heads == model.num_parameters()
    names = catalog.PHI_LINEAR if shape.fused else catalog.LLAMA_LINEAR
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=list(names), task_type="CAUSAL_LM"))
    adapter = sum(one.numel() for name, one in tuned.named_parameters() if "lora_" in name)
    assert estimate(LoraSpec(r=4), shape).adapter == 4 * adapter


def test_each_knob_moves_the_part_it_should() -> None:
    plain = LoraSpec(r=8, batch=4, micro_batch=4)
    one = estimate(plain, SMOL, precision="bfloat16", length=100)
    rank = estimate(plain.model_copy(update={"r": 16}), SMOL, precision="bfloat16", length=100)
    assert (rank.adapter, rank.optimizer) == (2 * one.adapter, 2 * one.optimizer)
    assert rank.weights == one.weights and rank.activations > one.activations
    wide = estimate(plain, SMOL, precision="float32", length=100)
    assert wide.weights == 2 * one.weights and wide.adapter == one.adapter
    longer = estimate(plain, SMOL, precision="bfloat16", length=200)
    assert longer.activations == 2 * one.activations and longer.weights == one.weights
    large = facts("llama-3.2-1b-instruct")
    on = [
        estimate(plain, large, device=device, precision="bfloat16", length=100) for device in ("cuda", "cpu")
    ]
    assert on[0].activations < on[1].activations / 5, "CUDA recomputes them for large models"


def test_the_key_value_cache_is_what_a_model_makes(tiny_model: Callable[[str], Path]) -> None:
    import torch

    from engine.inference.model import load

    folder = tiny_model("smollm2")
    loaded = load(str(folder), device="cpu")
    with torch.inference_mode():
        cache = loaded.model(input_ids=torch.ones(1, 7, dtype=torch.long), use_cache=True).past_key_values
    made = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert kv_cache(facts(str(folder)), 7) == made


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="Unknown device 'tpu'"):
        estimate(LoraSpec(), SMALL, device="tpu")
    with pytest.raises(ConfigError, match="Unknown precision 'int3'"):
        estimate(LoraSpec(), SMALL, precision="int3")
    with pytest.raises(ModelError, match="not known without fetching"):
        facts("somebody/some-model")
    with pytest.raises(ModelError, match="does not say 'intermediate_size'"):
        from_config("x", {"num_attention_heads": 2, "hidden_size": 8, "num_hidden_layers": 1})


def test_torch_is_not_needed() -> None:
    code = "import sys, engine.training.memory as m; m.facts('qwen3-4b'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
