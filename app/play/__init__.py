"""The playground's parts: set-ups, the desk that answers, what is known so far, its panels, its tabs."""

import os

PORT = "BANTAM_PLAYGROUND_PORT"


def port() -> int:
    """The playground's port: BANTAM_PLAYGROUND_PORT, else 7860. Raises ConfigError for one that is none."""
    from engine.errors import ConfigError

    given = os.environ.get(PORT) or "7860"
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise ConfigError(f"{PORT} is {given!r}: set it to a port from 1 to 65535, or unset it.")
    return int(given)


def address() -> str:
    """Where the playground is found on this machine."""
    return f"http://127.0.0.1:{port()}"
