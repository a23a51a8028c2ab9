"""How much memory a LoRA training run will need, before it is launched: counted, not tried.

Weights, adapter, gradients and optimizer are arithmetic. Activations are what autograd keeps of a
Llama-like layer for the backward pass, counted operation by operation; the constants at the top were fitted to measured
peaks. Imports no torch, so that a page can redraw it with every change of a knob.
"""

from dataclasses import asdict, dataclass

from engine.errors import ConfigError
from engine.training.sft import LoraSpec
from engine.training.shapes import ModelFacts, facts

__all__ = ["Estimate", "ModelFacts", "bytes_of", "estimate", "facts", "kv_cache"]

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
ADAPTER_WIDTH = 4  # PEFT keeps adapters of half-precision models in float32
ADAM_STATES = 2
RUNTIME = {"cpu": 900_000_000, "cuda": 0, "mps": 900_000_000}
CHECKPOINTED_ABOVE = 500_000_000  # parameters; sft.train recomputes activations on CUDA above it


@dataclass(frozen=True)
class Estimate:
    """Bytes. `runtime` is the process with its libraries, on CUDA outside of PyTorch's own count and left out."""

    weights: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    runtime: int

    @property
    def total(self) -> int:
        """The peak: everything at once."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, int]:
        """The bytes by name, for a figure."""
        return dict(asdict(self))


def estimate(
    spec: LoraSpec,
    shape: ModelFacts,
    *,
    device: str = "cpu",
    precision: str = "float32",
    length: int | None = None,
) -> Estimate:
    """The peak memory of sft.train under `spec` for a model of that shape.

    `length` is the longest row in tokens (default: spec.max_length, the most it can be). `precision` is the
    frozen weights' number format. Raises ConfigError for a device or precision that does not exist.
    """
    width = bytes_of(precision)
    if device not in RUNTIME:
        raise ConfigError(f"Unknown device {device!r}: use one of {', '.join(RUNTIME)}.")
    matrices = sum(inputs + outputs for inputs, outputs in shape.linear)
    adapter = ADAPTER_WIDTH * spec.r * matrices * shape.layers
    tokens = min(spec.micro_batch, spec.batch) * (length or spec.max_length)
    layer = tokens * _kept(spec, shape, width)
    if device == "cuda" and shape.parameters > CHECKPOINTED_ABOVE:
        activations = tokens * width * shape.width * shape.layers + layer
    else:
        activations = shape.layers * layer
    return Estimate(
        weights=width * shape.parameters,
        adapter=adapter,
        gradients=adapter,
        optimizer=ADAM_STATES * adapter,
        activations=activations + _passing(shape, width, tokens),
        runtime=RUNTIME[device],
    )


def kv_cache(shape: ModelFacts, tokens: int, precision: str = "float32") -> int:
    """Bytes of the key-value cache that `tokens` of prompts and answers need while serving."""
    return 2 * shape.layers * shape.kv_heads * shape.head_width * tokens * bytes_of(precision)


def bytes_of(precision: str) -> int:
    """Bytes of one number. Raises ConfigError for a format that is not known."""
    if precision not in WIDTHS:
        raise ConfigError(f"Unknown precision {precision!r}: use one of {', '.join(WIDTHS)}.")
    return WIDTHS[precision]


def _kept(spec: LoraSpec, shape: ModelFacts, width: int) -> int:
    """Bytes that autograd keeps of one token in one layer.

    Two norms keep their input and output in float32; each adapter keeps its dropped-out input in float32, the mask of
    a byte, and its r inner numbers; attention keeps query, key, value (keys and values once more, repeated for
    every head) and its result; the MLP keeps gate, its activation and up.
    """
    query, key = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    norms = 2 * 2 * 4 * shape.width
    mask = 1 if spec.dropout else 0
    copied = 1 if spec.dropout or width < ADAPTER_WIDTH else 0
    inputs = sum(size for size, _ in shape.linear)
    adapters = inputs * (ADAPTER_WIDTH * copied + mask) + len(shape.linear) * ADAPTER_WIDTH * spec.r
    attention = width * (2 * query + 2 * key + 2 * query)
    return norms + adapters + attention + 3 * width * shape.inner


def _passing(shape: ModelFacts, width: int, tokens: int) -> int:
    """Bytes of what comes and goes at the peak: the widest layer's results and their gradients."""
    return tokens * 4 * width * max(shape.inner, shape.width)
