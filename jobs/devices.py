"""Which devices this machine can run jobs on, found without loading torch where that is not needed."""

import platform
import subprocess
import sys
from pathlib import Path

ASK = "from engine.device import pick; print(pick().kind)"
ROOT = Path(__file__).resolve().parents[1]


def devices() -> tuple[str, ...]:
    """The devices here, the best first, `cpu` always the last. Torch is asked, in a process of its own, only
    where there may be more than a processor."""
    if not may_have_more():
        return ("cpu",)
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return ("cpu",)
    best = asked.stdout.strip()
    return (best, "cpu") if best in ("cuda", "mps") else ("cpu",)


def may_have_more() -> bool:
    """Whether there are signs of a GPU: NVIDIA's or AMD's device files, or an Apple chip."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return any(Path(file).exists() for file in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg"))
