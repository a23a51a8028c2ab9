"""Which device and number format to compute with, and how much memory there is. The one place that asks.

Knows nothing of models. Torch is imported inside, so that importing this costs nothing.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError

if TYPE_CHECKING:
    import torch

KINDS = ("cuda", "mps", "cpu")


@dataclass(frozen=True)
class Device:
    """`kind` is cuda, mps or cpu; `label` names the hardware; `memory` is what can be used now, in bytes."""

    kind: str
    label: str
    memory: int


def pick(wanted: str | None = None) -> Device:
    """The best device here, or the `wanted` one. Raises ConfigError if that is unknown or not present."""
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted is not None and wanted not in KINDS:
        raise ConfigError(f"Unknown device {wanted!r}: use one of {', '.join(KINDS)}.")
    if wanted is not None and not present[wanted]:
        raise ConfigError(f"The device {wanted!r} is not available here: leave it out, or use cpu.")
    kind = wanted or next(kind for kind in KINDS if present[kind])
    if kind == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for every length: 5 ms a layer on an H100
        free, _ = torch.cuda.mem_get_info()
        return Device(kind, torch.cuda.get_device_name(), free)
    return Device(kind, processor(), host_memory())


def dtype(device: Device, parameters: int) -> "torch.dtype":
    """The number format to load a model of that many parameters in.

    CUDA: bfloat16 where the card computes it itself (a T4 only emulates it), else float16. MPS: float16
    (bfloat16 is emulated on M1 and M2). CPU: bfloat16 for models above 50 M where the processor multiplies it
    in hardware, else float32.
    """
    import torch

    if device.kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.kind == "mps":
        return torch.float16 if parameters > 50e6 else torch.float32
    return torch.bfloat16 if parameters > 50e6 and cpu_multiplies_bf16() else torch.float32


def load_average() -> float | None:
    """Processes that want a core, over the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def cpu_multiplies_bf16() -> bool:
    """Whether this processor has bfloat16 matrix instructions (AVX512-BF16, AMX, or Arm's BF16)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16"))


def host_memory() -> int:
    """Bytes of main memory that can be taken now without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def peak_memory(kind: str) -> int:
    """The most bytes that this process has held until now: PyTorch's on a GPU, else main memory."""
    import resource
    import sys

    import torch

    if kind == "cuda":
        return int(torch.cuda.max_memory_allocated())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) * (1 if sys.platform == "darwin" else 1024)  # kilobytes on Linux


def processor() -> str:
    """The processor's name and the cores this process may use, as one phrase."""
    import os

    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{name}, {cores} cores"
