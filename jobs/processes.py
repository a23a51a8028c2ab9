"""Processes named by pid and create time: whether one still lives, and how it is ended. A pid alone may be
another's by now."""

import os
import signal
from contextlib import suppress


def created(pid: int) -> float | None:
    """When the process `pid` was started, in seconds since 1970; None if there is none, or only its remains
    (a zombie)."""
    import psutil

    if not pid:
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def alive(pid: int | None, pid_created: float | None) -> bool:
    """Whether the process with this pid and create time lives."""
    now = created(pid or 0)
    # read at another moment, a create time may differ by a clock tick
    return now is not None and pid_created is not None and abs(now - pid_created) < 0.05


def terminate(pid: int) -> None:
    """Tell the process to stop (SIGTERM)."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)


def kill(pid: int) -> None:
    """Kill the process and, if it leads a session of its own, all in its group."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
