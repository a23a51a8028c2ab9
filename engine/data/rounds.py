"""What a long job has finished, kept in a folder round by round, so that a killed one goes on and ends with
the same. Each round is one file, written beside and renamed: whole or not there. Knows nothing of what is in
it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.artifact import write_json


@dataclass(frozen=True)
class Rounds:
    """A folder of finished rounds; `None` keeps nothing."""

    folder: Path | None = None

    def get(self, name: str) -> dict[str, Any] | None:
        """What the round `name` came to, if it was finished."""
        if self.folder is None:
            return None
        try:
            found = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # never finished
        return found if isinstance(found, dict) else None

    def put(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Keep what the round `name` came to, and give it back."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / f"{name}.json", value)
        return value
