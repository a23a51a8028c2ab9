"""Documents in, the table out, in the foreground: the jobs of an ablation one after the other, under one row.

The same kinds that the worker runs. Each one's result is an artefact, so that the next run takes what is
there and goes on.
"""

import sys
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.catalog import lookup
from engine.errors import ConfigError
from engine.inference import weights
from jobs.console import Console
from jobs.foreground import Work, recorded
from jobs.kinds import KINDS, Part, ablation, checked_spec
from jobs.kinds.import_ import name_of
from jobs.running import Job
from jobs.specs import QuickstartSpec
from jobs.workspace import checked_name, home
from storage.db import connect

# the lines a person sees, with the kind of job behind each
STAGES = {
    "documents": "import",
    "index": "index",
    "questions": "synthesize",
    "train": "train",
    "answer": "evaluate",
}
REPORT = "report"


def run(spec: QuickstartSpec) -> dict[str, Any]:
    """Run the experiment and return its rows, sentences and the report's folder. Raises LabError for what a
    person can mend."""
    name = checked_name(spec.name or name_of(spec.documents))
    check_models(spec)
    db = connect(home())
    job = f"quickstart-{name}"
    with recorded(db, job, "quickstart", name, spec.model_dump()) as work:
        work.made = _stages(spec, name, job, db, work)
        return ablation.result(home() / work.made)


def check_models(spec: QuickstartSpec) -> None:
    """Raise ModelError for a name that means nothing and a hub that can't be reached now, not after minutes
    of other work; ConfigError for an arm that does not exist."""
    try:
        arms = spec.rows()
    except ValueError as error:
        raise ConfigError(f"--arms: {error}.") from error
    used = {spec.small, spec.writer, *([spec.large] if "large" in arms else [])}
    for name in (spec.small, spec.large, spec.writer):
        entry = lookup(name)
        if name in used and entry.source in ("hub", "folder"):
            weights.folder(entry)


def _stages(spec: QuickstartSpec, name: str, job: str, db: Database, work: Work) -> str:
    console = Console(len(STAGES) + 1)
    parts = {part.kind: part for part in ablation.plan(spec, name)}
    made: dict[str, Path] = {}
    for title, kind in STAGES.items():
        work.where = title
        console.begin(title)
        if kind in parts:
            made[kind] = home() / _run(parts[kind], name, job, db, console, made)
        else:
            console.end("no arm needs an adapter")
    work.where = REPORT
    console.begin(REPORT)
    whole = Job(job, "ablation", name, spec, db, made=made, listen=console)
    place = ablation.run(whole)
    console.end(whole.said)
    return place


def _run(part: Part, name: str, id: str, db: Database, console: Console, made: dict[str, Path]) -> str:
    uses = {field: made[kind].name for field, kind in part.uses.items()}
    spec = checked_spec(part.kind, {**part.fields, **uses})
    job = Job(id, part.kind, name, spec, db, made=made, listen=console)
    place = KINDS[part.kind].run(job)
    console.end(job.said)
    for line in job.lines:
        print(line, file=sys.stderr)
    return str(place)
