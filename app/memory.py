"""The memory a training run will need, as the page Train shows it: by part, before launch, beside what past
runs took.

The arithmetic is engine/training/memory.py's.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st
from sqlite_utils import Database

from app import charts, forms, results
from app.frame import dark
from app.text import plain, size
from engine.device import cpu_multiplies_bf16
from engine.errors import LabError
from jobs import queue
from jobs.kinds import train
from storage import jobs, metrics

PEAK = "peak_memory"  # the metric, in bytes, that a training job keeps
NAMES = {"optimizer": "optimizer states", "runtime": "process and libraries"}
SMALL = 50_000_000  # parameters; smaller models are trained in float32 on mps
PAST = 5


def show(db: Database, values: Mapping[str, Any]) -> None:
    """The estimate of the knobs' values as a bar and a sentence."""
    import psutil

    try:
        made = counted(values)
    except LabError as error:
        st.caption(f"No memory estimate: {plain(str(error).splitlines()[0])}")
        return
    room = None if made.device == "cuda" else psutil.virtual_memory().total
    total = sum(made.parts.values())
    st.metric("Memory at the peak, estimated", size(total))
    words = ", ".join(f"{name} {size(count)}" for name, count in made.parts.items())
    figure = charts.memory(made.parts, room, dark())
    results.drawing("", "train_memory", figure, f"Memory by part: {words}.")
    fits = (
        "" if room is None else f" It {'fits' if total < 0.9 * room else 'does not fit'} into {size(room)}."
    )
    st.caption(
        f"On {made.device} in {made.precision}: {words}. That is the most: rows of {made.length} tokens, "
        f"shorter ones need less.{fits} Serving, the KV cache of such a prompt takes {size(made.kv)} more "
        f"than the weights.{past(db)}"
    )


class Counted(NamedTuple):
    """Bytes by part at training's peak, and `kv` when serving; the longest row in tokens; where, and in which
    number format."""

    parts: dict[str, int]
    kv: int
    length: int
    device: str
    precision: str


def counted(values: Mapping[str, Any]) -> Counted:
    """The estimate for the knobs' values. Raises LabError for values that mean nothing."""
    from engine.training import memory

    asked = forms.made(train.Spec, values)
    device = _device(asked.device)
    spec = train.lora(asked, device)
    shape = memory.facts(asked.small)
    precision = _precision(device, shape.parameters)
    made = memory.estimate(spec, shape, device=device, precision=precision)
    parts = {NAMES.get(name, name): count for name, count in made.parts().items()}
    return Counted(
        parts, memory.kv_cache(shape, spec.max_length, precision), spec.max_length, device, precision
    )


def _device(asked: str) -> str:
    """The device asked for; for auto the worker's best, which it says without this page importing torch."""
    if asked != "auto":
        return asked
    worker = queue.worker()
    return str(worker["devices"][0]).split(":")[0] if worker and worker["devices"] else "cpu"


def _precision(device: str, parameters: int) -> str:
    """The format that training holds the frozen weights in (as sft.precision chooses it, without torch)."""
    on_cpu = "bfloat16" if cpu_multiplies_bf16() else "float32"
    on_mps = "float32" if parameters < SMALL else "float16"
    return {"cuda": "bfloat16", "mps": on_mps}.get(device, on_cpu)


def past(db: Database) -> str:
    """What finished runs were measured to take at most, newest first."""
    found = []
    for row in jobs.listed(db, kind="train", state=jobs.DONE, limit=PAST):
        peak = metrics.latest(db, row["id"]).get(PEAK)
        if peak:
            found.append(f"{plain(row['name'])} {size(peak)}")
    return f" Measured peaks of past runs: {', '.join(found)}." if found else ""
