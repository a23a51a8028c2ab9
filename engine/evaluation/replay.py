"""Replay a cascade on another pair's recorded answers: RouteLLM's GSM8K file, where each row says whether a
weak and a strong model were right.

The same calibration and curves as for our own tiers: P(correct) of the weak model from plain features of the
question and of its answer, fitted on one half of the rows, shown on the other. Loads no model.
"""

import csv
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.evaluation import curves
from engine.evaluation.calibrate import fit, out_of_fold, quality
from engine.evaluation.curves import Pair
from engine.retrieval.words import words

RESPONSE = "_response"
WEAK_COST = 0.024  # Mixtral's price for a token as a share of GPT-4 turbo's in 2024: 0.24 to 10 dollars
_NUMBER = re.compile(r"\d[\d,.]*")
_HEDGE = re.compile(
    r"\b(assum|however|but|if|perhaps|maybe|unclear|not (clear|given)|cannot|approximately)", re.I
)


def replay(file: Path, budget: float = 0.3) -> dict[str, Any]:
    """Choose the threshold for `budget` on one half (by a hash of the prompt), show it on the other. Raises
    DataError when the file is not such a table."""
    rows, weak, strong = _read(file)
    halves: tuple[list[dict[str, str]], list[dict[str, str]]] = ([], [])
    for row in rows:
        halves[sha256(row["prompt"].encode()).digest()[0] % 2].append(row)
    (dev, test), parts = halves, [[_parts(row, weak) for row in half] for half in halves]
    right = [[row[weak] == "True" for row in half] for half in halves]
    held, made = out_of_fold(parts[0], right[0]), fit(parts[0], right[0])
    believed = [made.probability(one) for one in parts[1]]
    limit = curves.budget(_pairs(dev, held, weak, strong), budget)
    pairs = _pairs(test, believed, weak, strong)
    small, large = curves.always(pairs)
    here, seen = curves.at_doubt(pairs, limit), quality(believed, right[1])
    return {
        "weak": weak,
        "strong": strong,
        "n": len(test),
        "f1_small": 100 * small.gain,
        "f1_large": 100 * large.gain,
        "f1_cascade": 100 * here.gain,
        "f1_random_mix": 100 * (small.gain + here.escalated * (large.gain - small.gain)),
        "escalated": here.escalated,
        "kept": here.gain / large.gain if large.gain else None,
        "apgr": curves.apgr(pairs),
        "cost": here.cost,
        "auroc": seen.auroc,
        "ece": seen.ece,
        "curves": [{"name": c.name, "points": [p._asdict() for p in c.points]} for c in curves.curves(pairs)],
        "sentence": f"Of {len(test)} answers that the calibration has not seen, with "
        f"{100 * here.escalated:.0f} % escalated {100 * here.gain:.1f} % are right; {weak} alone "
        f"{100 * small.gain:.1f} %, {strong} {100 * large.gain:.1f} %. (f1 stands for the share right.)",
    }


def _pairs(rows: Sequence[dict[str, str]], believed: Sequence[float], weak: str, strong: str) -> list[Pair]:
    return [
        Pair(float(row[weak] == "True"), float(row[strong] == "True"), p, 1.0, WEAK_COST, 1.0)
        for row, p in zip(rows, believed, strict=True)
    ]


def _parts(row: dict[str, str], weak: str) -> dict[str, float]:
    """What can be seen before the strong model is asked, each about 0..1."""
    question, answer = row["prompt"], row[weak + RESPONSE]
    asked, said = _NUMBER.findall(question), _NUMBER.findall(answer)
    known = set(words(question))
    stems = words(answer)
    lines = [line for line in answer.splitlines() if line.strip()]
    return {
        "question": min(1.0, len(question) / 600),
        "numbers asked": min(1.0, len(asked) / 12),
        "length": min(1.0, len(answer) / 2000),
        "lines": min(1.0, len(lines) / 20),
        "numbers": min(1.0, len(said) / 60),
        "used": sum(number in said for number in set(asked)) / max(1, len(set(asked))),
        "coverage": sum(stem in known for stem in stems) / max(1, len(stems)),
        "equations": min(1.0, answer.count("=") / 15),
        "hedges": min(1.0, len(_HEDGE.findall(answer)) / 5),
        "percent": float("%" in question or "percent" in question or "/" in question),
        "ratio": min(1.0, len(answer) / max(1, len(question)) / 6),
    }


def _read(file: Path) -> tuple[list[dict[str, str]], str, str]:
    """The rows, and the names of the weak model and the strong one (the one that is right more often)."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read ({error}): give RouteLLM's gsm8k_responses.csv.") from error
    columns = list(rows[0]) if rows else []
    models = [one for one in columns if one + RESPONSE in columns]
    if "prompt" not in columns or len(models) != 2:
        raise DataError(
            f"{file} is no such table: it needs the columns prompt, two models' names and their responses "
            f"(NAME{RESPONSE})."
        )
    weak, strong = sorted(models, key=lambda name: sum(row[name] == "True" for row in rows))
    return rows, weak, strong
