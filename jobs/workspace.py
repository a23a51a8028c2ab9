"""Where everything lies: BANTAM_HOME (default `workspace/`), its database and artefacts.

Names are checked, paths stay under it.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from engine.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def home() -> Path:
    """The workspace, made if it is not there. Raises ConfigError when it cannot be written. With
    BANTAM_READ_ONLY set (as a Space does) it is taken as it is."""
    place = Path(os.environ.get("BANTAM_HOME") or "workspace").resolve()
    if os.environ.get("BANTAM_READ_ONLY"):
        return place
    try:
        place.mkdir(parents=True, exist_ok=True)
        probe = place / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink(missing_ok=True)  # a thread of this process may look at the same time
    except OSError as error:
        raise ConfigError(
            f"The workspace {place} cannot be written ({error.strerror}): make it writable, or set "
            "BANTAM_HOME to a folder that is."
        ) from error
    return place


def artifact(kind: str, identity: str) -> Path:
    """The place of an artefact of a kind ("index", "adapter" ...)."""
    return home() / "artifacts" / kind / checked_name(identity)


def under_home(place: Path) -> str:
    """`place` as it is kept in storage: relative to the workspace, so that it survives its move."""
    return place.relative_to(home()).as_posix()


def checked_name(name: str) -> str:
    """`name` if it can name an experiment or artefact, else ConfigError: it becomes part of a path."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"The name {name!r} cannot be used: take 1 to 64 of a-z, 0-9, '.', '_' and '-', "
            "a letter or digit first."
        )
    return name


def key(*parts: Any) -> str:
    """A short name for what was made of `parts`: equal parts, equal key."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
