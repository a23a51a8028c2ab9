"""Synthesize: write training questions from a dataset's documents with a small model, and keep those that
survive a round trip.

Makes questions.jsonl; written.jsonl, with all that goes with each; and dropped.jsonl, each with its reason.
A job that was killed goes on where it was.
"""

import gc
import shutil
from pathlib import Path

from pydantic import Field

from engine.artifact import read_manifest, whole, writing
from engine.catalog import LARGE
from engine.data import dataset, synthesize
from engine.data import written as rows
from engine.data.records import Question, fingerprint
from engine.data.rounds import Rounds
from engine.errors import ConfigError, DataError
from engine.retrieval import index as indexes
from jobs.kinds.fields import Dataset, Device, Frozen, Index, K, Seed, choose, unit
from jobs.material import FILE, asked, read_questions, save_questions
from jobs.references import find, find_index
from jobs.running import Job
from jobs.workspace import artifact, home, key, under_home

TITLE = "Synthesize"
ABOUT = "write training questions offline with a small model, as Teacher does with one on a server"
MAKES = "questions"


class Spec(Frozen):
    """How to write questions."""

    dataset: Dataset
    index: Index = ""
    writer: str = Field(
        LARGE, description="the model that writes the questions", json_schema_extra=choose("model")
    )
    target: int = Field(
        400,
        ge=20,
        le=100_000,
        description="questions to keep before rewording",
        json_schema_extra=unit("questions"),
    )
    write_seconds: int = Field(
        90, ge=5, le=36_000, description="longest time to write", json_schema_extra=unit("seconds")
    )
    kinds: str = Field(
        ",".join(rows.KINDS), description=f"kinds of questions, some of {', '.join(rows.KINDS)}"
    )
    negatives: int = Field(3, ge=0, le=5, description="hard negatives of a question")
    rewordings: int = Field(1, ge=0, le=5, description="times that a kept question is reworded")
    k: K = 3
    device: Device = "auto"
    seed: Seed = 0


def run(job: Job) -> str:
    """Write questions, go on writing them, or take those that were written in the same way."""
    spec: Spec = job.spec
    wanted = kinds_of(spec.kinds)
    source = find(job.db, "dataset", spec.dataset)
    index = indexes.load(find_index(job.db, spec.index, source))
    settings = {
        "writer": spec.writer,
        "target": spec.target,
        "write_seconds": spec.write_seconds,
        "seed": spec.seed,
        "k": spec.k,
        "kinds": wanted,
        "negatives": spec.negatives,
        "rewordings": spec.rewordings,
    }
    own = _own(source)
    made_of = [synthesize.VERSION, index.fingerprint, settings, fingerprint(own)]
    place = artifact(MAKES, key("questions", *made_of))
    work = home() / "work" / place.name
    if not whole(place):
        _write(job, index, place, settings | {"dataset": source.name}, own, Rounds(work))
    shutil.rmtree(work, ignore_errors=True)
    found = read_manifest(place)
    if not read_questions(place / FILE):
        raise DataError(
            "No training question could be written from the documents: give more or longer prose, or "
            "questions of your own."
        )
    counts, reworded = found["counts"], found["reworded"]
    said = f"{counts.get('kept', 0)} kept of {sum(counts.values())} written"
    said += f", {reworded.get('kept', 0)} rewordings"
    if not own:
        sets = asked(source, place)
        said += f"; {len(sets.dev)} dev and {len(sets.test)} test questions held out of them"
    job.say(said)
    return under_home(place)


def kinds_of(text: str) -> list[str]:
    """The kinds that a comma-separated text names, all if it names none. Raises ConfigError for one that
    there is not."""
    wanted = [one.strip() for one in text.split(",") if one.strip()]
    if unknown := [one for one in wanted if one not in rows.KINDS]:
        raise ConfigError(
            f"There is no kind of question {unknown[0]!r}: use some of {', '.join(rows.KINDS)}."
        )
    return wanted or list(rows.KINDS)


def _own(source: Path) -> tuple[Question, ...]:
    """The dataset's questions for dev and test, which no written question may be like."""
    questions = dataset.load(source).questions
    return tuple(q for split in ("dev", "test") for q in questions if q.split == split)


def _write(
    job: Job,
    index: indexes.Index,
    place: Path,
    facts: dict[str, object],
    avoid: tuple[Question, ...],
    keep: Rounds,
) -> None:
    from engine.inference.extract import reader
    from engine.inference.model import load

    spec: Spec = job.spec
    writer = load(spec.writer, device=job.device, report=job.report)
    made = synthesize.synthesize(
        index,
        writer,
        reader(device=job.device),
        target=spec.target,
        kinds=kinds_of(spec.kinds),
        seconds=spec.write_seconds,
        rewordings=spec.rewordings,
        negatives=spec.negatives,
        avoid=avoid,
        k=spec.k,
        seed=spec.seed,
        keep=keep,
        report=job.report,
    )
    del writer
    gc.collect()
    counted = {"kind": MAKES, "counts": made.counts, "reworded": made.reworded, "seconds": made.seconds}
    with writing(place, counted | facts) as folder:
        save_questions(folder / FILE, made.questions)
        rows.save(folder / rows.FILE, made.rows)
        rows.save_dropped(folder / rows.DROPPED, made.dropped)
