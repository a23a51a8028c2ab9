"""What a teacher said, kept on disk under a key of everything it was asked: asked again, nothing is paid
again.

One file an answer, written beside and renamed, so that a killed process leaves whole answers or none. Knows
no teacher; the key's parts hold no secret.
"""

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.wire import Reply


@dataclass(frozen=True)
class Cache:
    """A folder of answers; `None` for a cache that forgets."""

    folder: Path | None

    def get(self, key: str) -> Reply | None:
        """What was answered, if it was."""
        if self.folder is None:
            return None
        try:
            return Reply(**json.loads(self._place(key).read_text(encoding="utf-8"))["reply"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            return None  # not whole or of another version: asked again

    def put(self, key: str, reply: Reply, asked: dict[str, Any]) -> None:
        """Keep an answer with what was asked. Raises DataError when the disk does not take it: going on would
        pay twice."""
        if self.folder is None:
            return
        place = self._place(key)
        temporary = place.with_name(f".{place.name}-{os.getpid()}-{threading.get_ident()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                json.dump({"asked": asked, "reply": asdict(reply)}, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, place)
        except OSError as error:
            raise DataError(
                f"The teacher's answer cannot be kept in {self.folder} ({error.strerror}): free some space "
                "and run it again; what was kept is not asked again."
            ) from error

    def _place(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.json"


def key_of(asked: dict[str, Any]) -> str:
    """The key of a request: equal requests, equal key."""
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
