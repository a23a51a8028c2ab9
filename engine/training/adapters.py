"""Adapters as artefacts: saved with what serving must match, loaded again before they count as made,
checked before they serve."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest, writing
from engine.errors import ModelError, TrainingError
from engine.inference.decode import decode
from engine.inference.model import Loaded, load
from engine.inference.prompt import PROMPT_VERSION
from engine.retrieval.index import Index
from engine.training.examples import Row

FILES = ("adapter_config.json", "adapter_model.safetensors")


def save(trained: Path, place: Path, manifest: dict[str, Any]) -> None:
    """Make the artefact `place` of the PEFT folder `trained`; `manifest` says what it
    was trained on and for."""
    with writing(place, {"kind": "adapter", "prompt_version": PROMPT_VERSION} | manifest) as folder:
        for name in FILES:
            shutil.copyfile(trained / name, folder / name)


def reload(place: Path, base: str, rows: Sequence[Row], device: str | None = None) -> Loaded:
    """Load the adapter from its folder as it will serve, and answer a few of its own training prompts.

    Raises TrainingError when its answers are not numbers: an adapter that cannot answer is not done.
    """
    loaded = load(base, adapter=place, device=device)
    said = decode(loaded, [row.prompt for row in rows[:4]], max_new_tokens=8)
    if not all(math.isfinite(score) for one in said for score in one.logprobs):
        raise TrainingError(
            "The adapter gives no numbers when it is loaded again: train with a lower learning rate."
        )
    return loaded


def check(place: Path, loaded: Loaded, index: Index | None) -> list[str]:
    """Refuse (ModelError) an adapter that was trained for another base, chat template or prompt; return what
    else differs, in words."""
    manifest = read_manifest(place)
    must = {"base": loaded.name, "template": loaded.template, "prompt_version": PROMPT_VERSION}
    for name, now in must.items():
        if manifest.get(name) != now:
            raise ModelError(
                f"The adapter {place.name} was trained for {name.replace('_', ' ')} {manifest.get(name)!r} "
                f"and this would serve it with {now!r}: train it again, or use what it was trained for."
            )
    if index is not None and manifest.get("index") != index.fingerprint:
        return ["the adapter was trained on another index than the one that is asked now"]
    return []
