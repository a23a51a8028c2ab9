"""How much memory a LoRA training run will need, before it is launched: counted, not tried.

Weights, adapter, gradients and optimizer are arithmetic. Activations are what autograd keeps of a Llama-like
layer for the backward pass, counted operation by operation. RUNTIME and SLACK were fitted to measured peaks:
five runs on an H100 (8.5 to 830 M parameters, bfloat16 and float32) come out within 5 %, five on a CPU within
5 %. MPS was not measured and is taken to be like a CPU, and so are runs that recompute activations. Imports
no torch, so that a page can draw it anew with every change of a knob.
"""

from dataclasses import asdict, dataclass

from engine.errors import ConfigError
from engine.training.sft import LoraSpec, recomputes
from engine.training.shapes import ModelFacts, facts

__all__ = ["Estimate", "ModelFacts", "bytes_of", "estimate", "facts", "kv_cache"]

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
ADAPTER_WIDTH = 4  # PEFT keeps adapters of half-precision models in float32
ADAM_STATES = 2
RUNTIME = {"cpu": 600_000_000, "cuda": 40_000_000, "mps": 600_000_000}
# What a C allocator holds of freed temporaries, in widths of the MLP a token and layer; CUDA's reuses them.
SLACK = {"cpu": 7, "cuda": 0, "mps": 7}
# Bytes of a dropout mask's element: a CPU keeps numbers, CUDA's kernel booleans.
MASK = {"cpu": 4, "cuda": 1, "mps": 4}


@dataclass(frozen=True)
class Estimate:
    """Bytes. `runtime` is the process with its libraries; on CUDA it is only what kernels take as workspace,
    without the driver's own few hundred MB."""

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
    layer = _kept(spec, shape, width, MASK[device]) + SLACK[device] * width * shape.inner
    if recomputes(device, shape.parameters):
        activations = tokens * (width * shape.width * shape.layers + layer)
    else:
        activations = tokens * shape.layers * layer
    return Estimate(
        weights=width * shape.parameters,
        adapter=adapter,
        gradients=adapter,
        optimizer=ADAM_STATES * adapter,
        activations=activations,
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


def _kept(spec: LoraSpec, shape: ModelFacts, width: int, mask: int) -> int:
    """Bytes that autograd keeps of one token in one layer.

    Two norms keep their input in float32; each adapter keeps its input in float32 (dropped out, with the
    mask, or cast) and its r inner numbers; attention keeps query, key, value, keys and values repeated for
    every head, and its result; the MLP keeps gate, its activation and up.
    """
    query, key = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    copied = ADAPTER_WIDTH if spec.dropout or width < ADAPTER_WIDTH else 0
    inputs = sum(size for size, _ in shape.linear)
    adapters = inputs * (copied + (mask if spec.dropout else 0)) + len(shape.linear) * ADAPTER_WIDTH * spec.r
    return 2 * 4 * shape.width + adapters + width * (4 * query + 2 * key + 3 * shape.inner)
