"""The page Train: an adapter's knobs with the memory they will need, and the curves of runs: live,
overlaid, with what differs between them.

The estimate is the engine's arithmetic; training is a job.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import charts, forms, jobcard, launch, memory, results, tables
from app.frame import dark, nothing, said, watching, workspace
from app.text import duration, plain
from jobs import queue
from jobs.kinds import KINDS
from storage import jobs, metrics

KIND = "train"
RUNS = 50  # listed to choose from
CURVES = {"loss": "Loss", "learning_rate": "Learning rate", "grad_norm": "Gradient norm"}


def knobs(db: Database) -> None:
    """The form, its estimate beside it, and the launch. No st.form: the estimate moves with every knob."""
    known = KINDS[KIND]
    st.header("Train an adapter")
    st.caption(f"{known.about[0].upper()}{known.about[1:]}.")
    found, words = launch.choices(db, KIND)
    if launch.missing(KIND, found):
        return
    start: dict[str, Any] = {}
    if "method" in known.Spec.model_fields and hasattr(known.Spec, "defaults"):
        method = forms.draw(known.Spec, "train", only=["method"], columns=1)
        start = known.Spec.defaults(method["method"])
    else:
        method = {}
    key = f"train_{method.get('method', '')}"
    values = method | forms.draw(
        known.Spec, key, start=start, leave=list(method), choices=found, labels=words
    )
    memory.show(db, values)
    if st.button("Queue this job", type="primary", key="train_submit"):
        with said():
            launch.submitted(queue.submit(KIND, forms.made(known.Spec, values)))


def runs(db: Database) -> list[str]:
    """The runs to look at, the newest two at first."""
    rows = {row["id"]: row for row in jobs.listed(db, kind=KIND, limit=RUNS)}
    if not rows:
        return []
    labels = {id: jobcard.label(row) for id, row in rows.items()}
    picked = st.multiselect(
        "Runs to compare",
        list(rows),
        default=list(rows)[:1],
        format_func=lambda id: labels.get(id, id),
        key="train_runs",
        persist_state="session",
        max_selections=6,
    )
    return [id for id in picked if id in rows]


def live(ids: Sequence[str]) -> bool:
    """Progress, curves and log of the chosen runs; whether one of them still runs or waits."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    with workspace() as db:
        rows = [row for row in (jobs.get(db, id) for id in ids) if row]
        for row in rows:
            if row["state"] in jobcard.UNFINISHED:
                jobcard.brief(row, f"train_live_{row['id']}")
        for name, label in CURVES.items():
            points = [
                {"run": _name(row), "step": point["step"], "value": point["value"]}
                for row in rows
                for point in metrics.curve(db, row["id"], name)
            ]
            if points:
                frame = pd.DataFrame(points)
                figure = charts.curves(frame, label, dark())
                results.drawing(label, f"train_{name}", figure, charts.describe_curves(frame, label))
        latest = {_name(row): dict(metrics.latest(db, row["id"])) for row in rows}
        if any(latest.values()):
            st.header("Numbers side by side")
            st.caption(f"The last value of each. {speed(rows, latest)}")
            st.dataframe(
                tables.side_by_side(latest),
                hide_index=True,
                key="train_numbers",
                alt="Last numbers of each run",
            )
        running = [row for row in rows if row["state"] == jobs.RUNNING]
        for row in running:
            st.markdown(f"**Log of {plain(row['name'])}**")
            st.code(queue.log_tail(row, 12) or "Nothing yet.", language=None, wrap_lines=True)
    return any(row["state"] in jobcard.UNFINISHED for row in rows)


def speed(rows: Sequence[Mapping[str, Any]], latest: Mapping[str, Mapping[str, float | None]]) -> str:
    """Training tokens a second and time left of the runs that tell."""
    said_ = []
    for row in rows:
        rate = latest[_name(row)].get("tokens_per_second")
        left = (row.get("progress") or {}).get("eta") if row["state"] == jobs.RUNNING else None
        parts = [f"{rate:.0f} tokens/s"] if rate else []
        parts += [f"about {duration(left)} left"] if left is not None else []
        if parts:
            said_.append(f"{plain(row['name'])}: {', '.join(parts)}.")
    return " ".join(said_)


def compare(db: Database, ids: Sequence[str]) -> None:
    """The settings of the chosen runs, differences only unless asked."""
    rows = [row for row in (jobs.get(db, id) for id in ids) if row]
    if len(rows) < 2:
        return
    st.header("Settings")
    everything = not st.checkbox("Differences only", value=True, key="train_differences")
    frame = tables.differences({_name(row): row["spec"] for row in rows}, everything)
    if frame.empty:
        st.text("These runs have the same settings.")
    else:
        st.dataframe(frame, hide_index=True, key="train_settings", alt="Settings of the runs")


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['name']} ({row['id'][:8]})"


st.title("Train")
launch.worker_missing()
with workspace() as db:
    st.header("Runs")
    chosen = runs(db)
    if chosen:
        active = any(row["state"] in jobcard.UNFINISHED for row in (jobs.get(db, id) for id in chosen) if row)
        watching(lambda: live(chosen), active)
        compare(db, chosen)
    elif not jobs.listed(db, kind=KIND, limit=1):
        nothing(
            "No training yet",
            "A run's loss, learning rate and speed are drawn here while it goes on. Set the knobs below "
            "and queue one.",
        )
    knobs(db)
