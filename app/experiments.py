"""Finds finished experiments in the workspace and reads their reports back into rows. It scores nothing.

An experiment is a folder with report/report.csv under `BANTAM_HOME`/artifacts/experiment. Its name is the
folder's and may hold anything a file name can: screens show it as text only.
"""

import csv
import io
import math
import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import ArtifactError
from engine.evaluation.scoring import Row

LARGEST_BYTES = 1_000_000  # a report has a line an arm; more than this is not one of ours
COLUMNS = [field.name for field in fields(Row)]


@dataclass(frozen=True)
class Experiment:
    """One finished experiment: its name, the folder its report lies in, when the report was written (UTC)."""

    name: str
    report: Path
    written: datetime


def home() -> Path:
    """The workspace: BANTAM_HOME, else `workspace` in the folder the lab was started in."""
    return Path(os.environ.get("BANTAM_HOME") or "workspace").expanduser()


def experiments(workspace: Path) -> list[Experiment]:
    """The experiments of a workspace that have a report, newest first; none if there is no workspace yet.

    Raises ArtifactError when the folder is there and cannot be read.
    """
    root = workspace / "artifacts" / "experiment"
    try:
        folders = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ArtifactError(
            f"The experiments in {root} cannot be listed ({error.strerror}): make the folder readable."
        ) from error
    inside = [folder for folder in folders if folder.resolve().is_relative_to(root.resolve())]
    found = [_experiment(folder) for folder in inside if (folder / "report" / "report.csv").is_file()]
    return sorted(found, key=lambda experiment: (experiment.written, experiment.name), reverse=True)


def read_rows(experiment: Experiment) -> list[Row]:
    """The rows of an experiment's report.csv, in its order; an empty cell is None (not scored).

    Raises ArtifactError for a file that is not such a report.
    """
    again = "run the experiment again, or delete its folder"
    try:
        with (experiment.report / "report.csv").open(encoding="utf-8", newline="") as file:
            text = file.read(LARGEST_BYTES + 1)
        if len(text) > LARGEST_BYTES:
            raise ValueError("it is larger than a report can be")
        header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        if header != COLUMNS:
            raise ValueError("its columns are not those of a report")
        rows = [_row(line) for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise ArtifactError(
            f"The report of {experiment.name} cannot be read ({_reason(error)}): {again}."
        ) from error
    if not rows:
        raise ArtifactError(f"The report of {experiment.name} has no rows: {again}.")
    return rows


def _experiment(folder: Path) -> Experiment:
    written = (folder / "report" / "report.csv").stat().st_mtime
    return Experiment(folder.name, folder / "report", datetime.fromtimestamp(written, UTC))


def _row(line: list[str]) -> Row:
    if len(line) != len(COLUMNS):
        raise ValueError(f"a line has {len(line)} cells in place of {len(COLUMNS)}")
    arm, *cells = line
    numbers = [None if cell == "" else float(cell) for cell in cells]
    if not all(number is None or math.isfinite(number) for number in numbers):
        raise ValueError("a number in it is not finite")
    return Row(arm, *numbers)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be opened"
    return "it is not text" if isinstance(error, UnicodeDecodeError) else str(error)
