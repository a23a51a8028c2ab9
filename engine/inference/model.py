"""Load a causal language model with its tokenizer, and adapters onto it. Device and number format
come from engine.device.

Safetensors only, no remote code. Knows nothing of prompts or questions.
"""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import catalog
from engine.device import Device, dtype, pick
from engine.errors import ModelError
from engine.inference import weights
from engine.inference.prompt import template_hash
from engine.progress import Report, silent

# Without its files transformers makes up a tokenizer of a handful of special tokens, and says nothing.
SMALLEST_VOCABULARY = 16


@dataclass(frozen=True)
class Loaded:
    """A model ready to answer. `model` is in eval mode on `device`; `context` is its window in tokens."""

    name: str
    entry: catalog.Entry
    model: Any
    tokenizer: Any
    device: Device
    context: int
    adapter: str = ""

    @property
    def template(self) -> str:
        """Hash of the chat template, for manifests."""
        return template_hash(self.tokenizer)


def load(
    name: str,
    adapter: Path | None = None,
    *,
    device: str | None = None,
    precision: Any = None,
    merge: bool = True,
    report: Report = silent,
) -> Loaded:
    """Load `name` (see catalog.lookup), with the LoRA adapter in the folder `adapter` if given.

    `merge` folds adapters into the weights (float32 sum, then the serving format), which serves fastest;
    without it the result is a PeftModel. `precision` overrides the number format (a torch.dtype). Raises
    ModelError when the model does not exist, can't be fetched, is not safetensors, or does not fit in memory.
    """
    entry = catalog.lookup(name)
    base = catalog.lookup(entry.base) if entry.source == "adapter" else entry
    where = pick(device)
    place = weights.folder(base, report)
    config, parameters = _config(name, place)
    number = precision or dtype(where, parameters)
    adapters = [
        path
        for path in (weights.adapter_folder(entry) if entry.source == "adapter" else None, adapter)
        if path
    ]
    _check_fit(name, parameters, 4 if adapters and merge else number.itemsize, where)
    model, tokenizer = _fetch(name, place, config, number if not (adapters and merge) else _float32())
    for path in adapters:
        model = attach(model, path)
        if merge:
            model = model.merge_and_unload()
    model = _placed(model, where.kind, number)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    window = getattr(config.get_text_config(), "max_position_embeddings", 0) or entry.context or 2048
    return Loaded(name, entry, model, tokenizer, where, int(window), str(adapter or ""))


def _placed(model: Any, device: str, number: Any) -> Any:
    """The model on its device, its weights in the number format. Buffers keep float32: RoPE's frequencies
    rounded to bfloat16 turn far places by the wrong angle, and answers change."""
    kept = {name: buffer.clone() for name, buffer in model.named_buffers() if buffer.is_floating_point()}
    model = model.to(device=device, dtype=number).eval()
    for name, buffer in kept.items():
        owner, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(owner), attribute, buffer.to(device))
    return model


def attach(model: Any, folder: Path) -> Any:
    """The LoRA adapter in `folder` on `model`, as a PeftModel. Raises ModelError when it is missing, pickled
    or made for another architecture."""
    from peft import PeftModel

    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / file).is_file():
            raise ModelError(
                f"The adapter folder {folder.name} has no {file}: train it again, or choose another adapter."
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing keys: _check_adapter makes an error of them
            attached = PeftModel.from_pretrained(model, str(folder), low_cpu_mem_usage=False)
        _check_adapter(attached, folder / "adapter_model.safetensors")
    except weights.unreadable() as error:
        raise ModelError(
            f"The adapter {folder.name} (made for {_adapter_base(folder)}) does not fit this model: "
            f"{weights.first_line(error)} Load it on the model it was made for, or train one for this model."
        ) from error
    return attached


def _check_adapter(attached: Any, file: Path) -> None:
    """PEFT takes an adapter for more or fewer layers without a word; here that is a ValueError."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        there = {key for key in opened.keys() if ".lora_" in key}  # noqa: SIM118  (not a dict)
    wanted = {
        key for key in get_peft_model_state_dict(attached, save_embedding_layers=False) if ".lora_" in key
    }
    if there != wanted:
        raise ValueError(
            f"It has {len(there)} LoRA matrices where this model takes {len(wanted)}, not the same ones."
        )


def _adapter_base(folder: Path) -> str:
    try:
        base = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get(
            "base_model_name_or_path"
        )
    except (OSError, ValueError, AttributeError):
        base = None
    return str(base or "an unknown model")


def count_parameters(config: Any) -> int:
    """How many weights a model of this config has, by building it without memory; tied weights count once."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())


def _float32() -> Any:
    import torch

    return torch.float32


def _config(name: str, place: str) -> tuple[Any, int]:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        return config, count_parameters(config)
    except weights.unreadable() as error:
        raise ModelError(_cannot_load(name, place, error)) from error


def _fetch(name: str, place: str, config: Any, number: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        if len(tokenizer) < SMALLEST_VOCABULARY:
            raise ValueError("its tokenizer has no vocabulary (tokenizer.json is missing).")
        options = {"use_safetensors": True, "trust_remote_code": False, "output_loading_info": True}
        loaded: Any = AutoModelForCausalLM.from_pretrained(place, config=config, dtype=number, **options)
        model, info = loaded
        if missing := sorted(info["missing_keys"]):
            raise ValueError(f"{len(missing)} of its weights are missing ({missing[0]} ...).")
    except weights.unreadable() as error:
        raise ModelError(_cannot_load(name, place, error)) from error
    return model, tokenizer


def _check_fit(name: str, parameters: int, width: int, where: Device) -> None:
    need = int(parameters * width * 1.2)
    if need > where.memory:
        raise ModelError(
            f"{name!r} needs about {need / 1e9:.1f} GB to load and {where.memory / 1e9:.1f} GB are free on "
            f"{where.label}: choose a smaller model, or free memory."
        )


def _cannot_load(name: str, place: str, error: Exception) -> str:
    where = f"The model {name!r}" if Path(place).is_dir() else f"The model {name!r} from the hub"
    return (
        f"{where} cannot be loaded: {weights.first_line(error)} It needs config.json of a causal language "
        "model, its tokenizer and whole .safetensors weights: save or fetch it again, or choose another "
        "model."
    )
