"""The answers of arms as files, so that an evaluation goes on where it stopped and a report needs no model.

One JSON file an arm; what is read back equals what was written.
"""

from functools import cache
from pathlib import Path
from typing import Any

from engine.artifact import write_json
from engine.errors import ArtifactError
from engine.evaluation.harness import ArmResult, Remembered

READ = "read.json"


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def save_arm(folder: Path, arm: str, result: ArmResult) -> None:
    """Keep one arm's answers in `folder`."""
    write_json(folder / f"{arm}.json", _adapter(ArmResult).dump_python(result, mode="json"))


def read_arm(folder: Path, arm: str) -> ArmResult | None:
    """One arm's answers, None if they are not there. Raises ArtifactError when they can't be read."""
    file = folder / f"{arm}.json"
    if not file.is_file():
        return None
    try:
        result: ArmResult = _adapter(ArmResult).validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"The answers in {folder.name}/{file.name} cannot be read: delete the folder and evaluate again."
        ) from error
    return result


def save_read(folder: Path, remembered: Remembered) -> None:
    """Keep what the reader has read: later arms get the same, not what another batch would round to."""
    known = [[*pair, found] for pair, found in remembered.known.items()]
    write_json(folder / READ, _adapter(list).dump_python(known, mode="json"))


def restore_read(folder: Path, remembered: Remembered) -> None:
    """Give back to the reader what `save_read` kept."""
    from engine.inference.extract import Found

    file = folder / READ
    if file.is_file():
        rows = _adapter(list[tuple[str, str, Found]]).validate_json(file.read_bytes())
        remembered.known.update({(question, context): found for question, context, found in rows})
