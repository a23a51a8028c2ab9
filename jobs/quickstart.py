"""Documents in, the table out: load, index, write questions, train, answer, report.

Each stage's result is an artefact, so that the next run takes what is there and goes on. Runs in the
foreground; what it does is kept in storage under one job. Computes nothing itself.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.catalog import lookup
from engine.data.load import SAMPLES
from engine.errors import ConfigError
from engine.inference import weights
from engine.progress import Metric, Progress
from jobs import ablation, stages
from jobs.console import Console
from jobs.experiment import Experiment
from jobs.specs import QuickstartSpec
from jobs.workspace import checked_name, home
from storage import jobs as rows
from storage import metrics
from storage.db import connect

STAGES = 6


def run(spec: QuickstartSpec) -> dict[str, Any]:
    """Run the experiment and return its rows, sentences and the report's folder. Raises LabError for what a
    person can mend."""
    name = checked_name(spec.name or _name_of(spec.documents))
    arms = _arms(spec)
    _check_models(spec, arms)
    db = connect(home())
    job = f"quickstart-{name}"
    _free(db, job)
    pid = os.getpid()
    rows.start(db, job, "quickstart", name, spec.model_dump(), pid=pid, pid_created=_created(pid))
    experiment = Experiment(spec, name, Console(STAGES, _keeper(db, job)), db, job)
    try:
        result = _stages(experiment, arms)
    except KeyboardInterrupt:
        rows.interrupt(db, job, f"stopped in stage {experiment.console.title!r}")
        raise
    except BaseException as error:
        rows.fail(db, job, str(error) or type(error).__name__)
        raise
    rows.finish(db, job)
    return result


def _stages(experiment: Experiment, arms: list[str]) -> dict[str, Any]:
    stages.documents(experiment)
    stages.index(experiment)
    stages.questions(experiment)
    if any(name.startswith("lora") for name in arms):
        stages.train(experiment)
    else:
        experiment.console.begin("train")
        experiment.console.end("no arm needs an adapter")
    return ablation.report(experiment, ablation.evaluate(experiment, arms))


def _check_models(spec: QuickstartSpec, arms: list[str]) -> None:
    """Raise ModelError for a name that means nothing and a hub that can't be reached now, not after minutes
    of other work."""
    used = {spec.small, spec.writer, *([spec.large] if "large" in arms else [])}
    for name in (spec.small, spec.large, spec.writer):
        entry = lookup(name)
        if name in used and entry.source in ("hub", "folder"):
            weights.folder(entry)


def _arms(spec: QuickstartSpec) -> list[str]:
    try:
        return spec.rows()
    except ValueError as error:
        raise ConfigError(f"--arms: {error}.") from error


def _name_of(documents: str) -> str:
    stem = Path(documents).resolve().stem.lower() if documents not in SAMPLES else documents
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)
    return letters.strip("-")[:64] or "documents"


def _keeper(db: Any, job: str) -> Callable[[Progress | Metric], None]:
    def keep(said: Progress | Metric) -> None:
        if isinstance(said, Metric):
            metrics.record(db, job, said.name, said.step, said.value)

    return keep


def _free(db: Any, job: str) -> None:
    """Mark a run of this name as interrupted when its process is gone."""
    row = rows.get(db, job)
    if row and row["state"] == rows.RUNNING and _created(row["pid"] or 0) != row["pid_created"]:
        rows.interrupt(db, job, "its process was gone")


def _created(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time()) if pid else None
    except psutil.Error:
        return None
