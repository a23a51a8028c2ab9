"""The models the lab knows by name: the embedded ones, and hub models of 0.5 to 4 billion parameters.

A name that is not here may still be a hub id ("owner/name") or a local folder. Facts only:
nothing is loaded or fetched.
"""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError

EMBEDDED = Path(__file__).parent / "embedded"
LLAMA_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PHI_LINEAR = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


@dataclass(frozen=True)
class Entry:
    """One known model. `parameters` in millions; `context` in tokens; `source` is where the weights come
    from: "embedded" (a folder here), "package" (a pinned Python package), "adapter" (an embedded adapter on
    `base`) or "hub" (`hub_id`). `architecture` is transformers' model_type; `template` names the chat format
    the tokenizer carries."""

    name: str
    parameters: float
    licence: str
    context: int
    template: str
    architecture: str
    lora_targets: tuple[str, ...]
    source: str = "hub"
    hub_id: str = ""
    base: str = ""
    kind: str = "causal"


def _hub(
    hub_id: str,
    parameters: float,
    licence: str,
    context: int,
    template: str,
    architecture: str,
    targets: tuple[str, ...] = LLAMA_LINEAR,
) -> Entry:
    name = hub_id.split("/")[1].lower()
    return Entry(name, parameters, licence, context, template, architecture, targets, hub_id=hub_id)


SMALL, LARGE, READER, EMBEDDER = "bantam-small", "smollm2-135m-grounded", "bantam-reader", "all-minilm-l6-v2"
_APACHE, _MIT = "Apache-2.0", "MIT"
_LLAMA, _GEMMA = "Llama 3.2 Community License", "Gemma Terms of Use"

ENTRIES: tuple[Entry, ...] = (
    Entry(SMALL, 8.5, _APACHE, 2048, "plain", "llama", LLAMA_LINEAR, source="embedded"),
    Entry("smollm2-135m", 134.5, _APACHE, 8192, "chatml", "llama", LLAMA_LINEAR, source="package"),
    Entry(
        LARGE, 139.4, _APACHE, 8192, "chatml", "llama", LLAMA_LINEAR, source="adapter", base="smollm2-135m"
    ),
    Entry(READER, 22.6, _APACHE, 512, "none", "bert", (), source="embedded", kind="reader"),
    Entry(EMBEDDER, 22.7, _APACHE, 256, "none", "bert", (), source="package", kind="embedder"),
    _hub("Qwen/Qwen3-0.6B", 596, _APACHE, 40960, "chatml", "qwen3"),
    _hub("Qwen/Qwen3-1.7B", 1721, _APACHE, 40960, "chatml", "qwen3"),
    _hub("Qwen/Qwen3-4B", 4022, _APACHE, 40960, "chatml", "qwen3"),
    _hub("meta-llama/Llama-3.2-1B-Instruct", 1236, _LLAMA, 131072, "llama3", "llama"),
    _hub("meta-llama/Llama-3.2-3B-Instruct", 3213, _LLAMA, 131072, "llama3", "llama"),
    _hub("microsoft/Phi-3-mini-4k-instruct", 3821, _MIT, 4096, "phi3", "phi3", PHI_LINEAR),
    _hub("microsoft/Phi-4-mini-instruct", 3836, _MIT, 131072, "phi4", "phi3", PHI_LINEAR),
    _hub("google/gemma-3-1b-it", 1000, _GEMMA, 32768, "gemma", "gemma3_text"),
    _hub("google/gemma-3-4b-it", 4300, _GEMMA, 131072, "gemma", "gemma3"),
    _hub("HuggingFaceTB/SmolLM2-360M-Instruct", 362, _APACHE, 8192, "chatml", "llama"),
    _hub("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1711, _APACHE, 8192, "chatml", "llama"),
    _hub("HuggingFaceTB/SmolLM3-3B", 3075, _APACHE, 65536, "chatml", "smollm3"),
)
_BY_NAME = {entry.name: entry for entry in ENTRIES} | {
    entry.hub_id.lower(): entry for entry in ENTRIES if entry.hub_id
}


def lookup(name: str, kind: str = "causal") -> Entry:
    """The entry for a known name or hub id, one made up for another hub id ("owner/name") or an
    existing local folder.

    Raises ModelError for anything else, and for a known model of another kind, naming what can be used.
    """
    entry = _BY_NAME.get(name.lower())
    if entry is not None:
        if entry.kind != kind:
            raise ModelError(
                f"{name!r} is of the kind {entry.kind}, not {kind}: use one of {', '.join(names(kind))}."
            )
        return entry
    if name and Path(name).is_dir():
        return Entry(name, 0, "unknown", 0, "its own", "its own", (), source="folder", kind=kind)
    owner, _, model = name.partition("/")
    if owner and model and "/" not in model and not name.startswith((".", "~")):
        return Entry(name, 0, "unknown", 0, "its own", "its own", (), hub_id=name, kind=kind)
    raise ModelError(
        f"There is no model {name!r}: use one of {', '.join(names(kind))}, a hub id (owner/name) or a "
        "model's folder."
    )


def names(kind: str = "causal") -> list[str]:
    """The names of the known models of a kind, embedded ones first."""
    return [entry.name for entry in ENTRIES if entry.kind == kind]
