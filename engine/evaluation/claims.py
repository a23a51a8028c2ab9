"""Measure the lexical verifier on claims with evidence and labels (WiCE, Kamoi and others 2023,
arXiv:2303.01432): does it tell what the evidence supports from what it does not?

Rows: `claim`, `evidence` (a list of sentences), `label` (supported, partially_supported, not_supported).
Partly supported counts as not supported. Loads no model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.evaluation.calibrate import auroc, fit, quality
from engine.inference.verify import lexical

LABELS = ("supported", "partially_supported", "not_supported")


def measure(path: Path) -> dict[str, Any]:
    """AUROC of the plain lexical score (the mean of coverage, bigrams, numbers and names) over a file, or
    over each file of a folder; where there are files for dev and test, also of a calibration fitted on dev
    and measured on test. `auroc` is the test file's, or that of the only file. Raises DataError for anything
    else.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    found = {file.stem: _read(file) for file in files}
    if not found:
        raise DataError(f"There is no .jsonl file in {path}: give WiCE's oracle chunks, a file or folder.")
    result: dict[str, Any] = {}
    for name, (parts, right) in found.items():
        result[name] = {"auroc": auroc([lexical_score(one) for one in parts], right), "n": len(right)}
    test = next((name for name in found if name.endswith("test")), list(found)[-1])
    dev = next((name for name in found if name.endswith("dev")), None)
    result |= {"split": test, "auroc": result[test]["auroc"], "n": result[test]["n"]}
    if dev and dev != test:
        made = fit(*found[dev])
        parts, right = found[test]
        seen = quality([made.probability(one) for one in parts], right)
        result["calibrated"] = seen._asdict()
        result["ece"] = seen.ece
    return result


def lexical_score(parts: dict[str, float]) -> float:
    """One number of the lexical parts, uncalibrated: their mean."""
    return sum(parts.values()) / len(parts)


def _read(file: Path) -> tuple[list[dict[str, float]], list[bool]]:
    try:
        items = [(row, item) for row, item in _rows(file)]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise DataError(f"{file} cannot be read ({why}): name a .jsonl file of WiCE.") from error
    parts, right = [], []
    for row, item in items:
        claim, evidence, label = (item.get(key) for key in ("claim", "evidence", "label"))
        if not isinstance(claim, str) or not isinstance(evidence, list) or label not in LABELS:
            raise DataError(
                f"{file}, line {row}: a row needs claim, evidence (a list) and label ({', '.join(LABELS)})."
            )
        parts.append(lexical(claim, " ".join(map(str, evidence))))
        right.append(label == LABELS[0])
    if not parts:
        raise DataError(f"{file} holds no claims.")
    return parts, right


def _rows(file: Path) -> Sequence[tuple[int, dict[str, Any]]]:
    import json

    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError as error:
            raise DataError(f"{file}, line {number}: not JSON ({error}).") from error
        rows.append((number, item if isinstance(item, dict) else {}))
    return rows
