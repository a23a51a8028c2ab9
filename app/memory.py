"""The memory a training run will need, as the page Train shows it: by part, before launch, beside what past
runs took.

The arithmetic is engine/training/memory.py's.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from pydantic import ValidationError
from sqlite_utils import Database

from app import charts, results
from app.frame import dark
from app.text import plain, size
from engine.errors import LabError
from storage import jobs, metrics

PEAK = "peak_memory"  # the metric, in bytes, that a training job keeps
NAMES = {"optimizer": "optimizer states", "kv": "KV cache when serving", "runtime": "process and libraries"}
PAST = 5


def show(db: Database, values: Mapping[str, Any]) -> None:
    """The estimate of the knobs' values as a bar and a sentence."""
    import psutil

    try:
        parts, length = counted(values)
    except (LabError, ValidationError, ValueError) as error:
        first = str(error).splitlines()[0]
        st.caption(f"No memory estimate: {plain(first)}")
        return
    total, room = sum(parts.values()), psutil.virtual_memory().total
    st.metric("Memory at the peak, estimated", size(total))
    figure = charts.memory({NAMES.get(name, name): count for name, count in parts.items()}, room, dark())
    words = ", ".join(f"{NAMES.get(name, name)} {size(count)}" for name, count in parts.items())
    results.drawing("", "train_memory", figure, f"Memory by part: {words}.")
    fits = "fits" if total < 0.9 * room else "does NOT fit"
    st.caption(
        f"{words}. Rows of up to {length} tokens. It {fits} into this machine's {size(room)}.{past(db)}"
    )


def counted(values: Mapping[str, Any]) -> tuple[dict[str, int], int]:
    """Bytes by part for the knobs' values, and the longest row they allow for, in tokens."""
    from engine.training import memory
    from engine.training.sft import LoraSpec

    named = {
        name: value for name, value in values.items() if name in LoraSpec.model_fields and value is not None
    }
    if not named.get("learning_rate"):
        named.pop("learning_rate", None)  # 0 is "the usual one"; memory does not depend on it
    if not named.get("alpha") and "r" in named:
        named["alpha"] = 2 * named["r"]
    spec = LoraSpec(**named)
    device = values.get("device") or "cpu"
    device = "cpu" if device == "auto" else device
    shape = memory.facts(str(values.get("model") or values.get("small") or ""))
    made = memory.estimate(spec, shape, device=device)
    return {**made.parts(), "kv": memory.kv_cache(shape, spec.max_length)}, spec.max_length


def past(db: Database) -> str:
    """What finished runs were measured to take at most, newest first."""
    found = []
    for row in jobs.listed(db, kind="train", state=jobs.DONE, limit=PAST):
        peak = metrics.latest(db, row["id"]).get(PEAK)
        if peak:
            found.append(f"{plain(row['name'])} {size(peak)}")
    return f" Measured peaks of past runs: {', '.join(found)}." if found else ""
