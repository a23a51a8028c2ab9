"""Adapters as artefacts: saved with what serving must match, loaded again before they count as made,
checked before they serve."""

import json
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


def trained_for(loaded: Loaded) -> dict[str, Any]:
    """What of a model its adapter depends on, as it stands in a manifest: base, chat template, RoPE
    parameters ({} for a model without) and window in tokens. PEFT's own file has none but the base."""
    rope = getattr(loaded.model.config.get_text_config(), "rope_parameters", None) or {}
    plain = json.loads(json.dumps(rope))  # as it will be read: lists for tuples
    return {"base": loaded.name, "template": loaded.template, "rope": plain, "window": loaded.context}


def check(place: Path, loaded: Loaded, index: Index | None) -> list[str]:
    """Refuse (ModelError) an adapter that was trained for another base, chat template, prompt or RoPE; return
    what else differs (window, index), in words. One from before RoPE and window were kept passes on these."""
    manifest, now = read_manifest(place), trained_for(loaded) | {"prompt_version": PROMPT_VERSION}
    before = {name: manifest.get(name, now[name]) for name in ("rope", "window")}
    was = {name: manifest.get(name) for name in now} | before
    for name in ("base", "template", "prompt_version", "rope"):
        if was[name] != now[name]:
            raise ModelError(
                f"The adapter {place.name} was trained for {name.replace('_', ' ')} {was[name]!r} "
                f"and this would serve it with {now[name]!r}: train it again, or use what it was trained for."
            )
    words = []
    if was["window"] != now["window"]:
        words.append(
            f"the adapter was trained with a window of {was['window']} tokens and is served with one of "
            f"{now['window']}"
        )
    if index is not None and manifest.get("index") != index.fingerprint:
        words.append("the adapter was trained on another index than the one that is asked now")
    return words
