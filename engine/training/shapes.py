"""The shapes of the models in the catalog, from their published configs: what a memory estimate needs.

Numbers only: nothing is loaded, and torch is not imported. A model with a config.json on this machine is read
from it instead.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import catalog
from engine.errors import ModelError


@dataclass(frozen=True)
class ModelFacts:
    """A decoder's shape. `width` is the hidden size, `inner` the MLP's; `head_width` a head's; `tied` says
    that the output layer shares the embedding's weights; `fused` that query, key and value (and gate and up)
    are one matrix each, as Phi has them."""

    name: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    tied: bool = True
    fused: bool = False

    @property
    def linear(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the matrices of one layer that an adapter is put on."""
        query, key = self.heads * self.head_width, self.kv_heads * self.head_width
        if self.fused:
            first: tuple[tuple[int, int], ...] = ((self.width, query + 2 * key),)
            middle: tuple[tuple[int, int], ...] = ((self.width, 2 * self.inner),)
        else:
            first = ((self.width, query), (self.width, key), (self.width, key))
            middle = ((self.width, self.inner), (self.width, self.inner))
        return (*first, (query, self.width), *middle, (self.inner, self.width))

    @property
    def parameters(self) -> int:
        """How many weights there are: embedding, matrices, norms."""
        table = self.vocabulary * self.width * (1 if self.tied else 2)
        matrices = sum(inputs * outputs for inputs, outputs in self.linear)
        return table + self.layers * (matrices + 2 * self.width) + self.width


# layers, width, inner, heads, kv heads, head width, vocabulary, tied
_SHAPES: dict[str, tuple[int, int, int, int, int, int, int, bool]] = {
    "smollm2-135m": (30, 576, 1536, 9, 3, 64, 49152, True),
    "qwen3-0.6b": (28, 1024, 3072, 16, 8, 128, 151936, True),
    "qwen3-1.7b": (28, 2048, 6144, 16, 8, 128, 151936, True),
    "qwen3-4b": (36, 2560, 9728, 32, 8, 128, 151936, True),
    "llama-3.2-1b-instruct": (16, 2048, 8192, 32, 8, 64, 128256, True),
    "llama-3.2-3b-instruct": (28, 3072, 8192, 24, 8, 128, 128256, True),
    "phi-3-mini-4k-instruct": (32, 3072, 8192, 32, 32, 96, 32064, False),
    "phi-4-mini-instruct": (32, 3072, 8192, 24, 8, 128, 200064, True),
    "gemma-3-1b-it": (26, 1152, 6912, 4, 1, 256, 262144, True),
    "gemma-3-4b-it": (34, 2560, 10240, 8, 4, 256, 262208, True),
    "smollm2-360m-instruct": (32, 960, 2560, 15, 5, 64, 49152, True),
    "smollm2-1.7b-instruct": (24, 2048, 8192, 32, 32, 64, 49152, True),
    "smollm3-3b": (36, 2048, 11008, 16, 4, 128, 128256, True),
}


def facts(name: str) -> ModelFacts:
    """The shape of a model: a catalog name, a hub id of the catalog or a local folder. Raises ModelError for
    a hub model that is neither in the table nor on this machine."""
    entry = catalog.lookup(name)
    if entry.source == "adapter":
        return facts(entry.base)
    place = catalog.EMBEDDED / entry.name if entry.source == "embedded" else Path(entry.name)
    if (place / "config.json").is_file():
        return from_config(name, json.loads((place / "config.json").read_text(encoding="utf-8")))
    if entry.name in _SHAPES:
        return ModelFacts(name, *_SHAPES[entry.name], fused=entry.lora_targets == catalog.PHI_LINEAR)
    raise ModelError(
        f"The shape of {name!r} is not known without fetching it: estimate with a model of its size, such as "
        f"{', '.join(list(_SHAPES)[:3])}, or save it in a folder and name that."
    )


def from_config(name: str, config: dict[str, Any]) -> ModelFacts:
    """The shape in a config.json of transformers' usual field names."""
    config = config.get("text_config") or config
    try:
        heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
        return ModelFacts(
            name,
            layers=int(config["num_hidden_layers"]),
            width=width,
            inner=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_width=int(config.get("head_dim") or width // heads),
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            fused=str(config.get("model_type", "")).startswith("phi3"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The config.json of {name!r} does not say {error}, so its memory cannot be estimated: use a "
            "decoder model in transformers' format."
        ) from error
