"""Train: a LoRA adapter for a small model, on prompts rendered as they will be served.

Goes on from its last checkpoint. The adapter is loaded again and answers before it counts as made.
"""

import gc
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.artifact import read_manifest, whole
from engine.catalog import SMALL, lookup
from engine.data.records import Question, fingerprint
from engine.device import peak_memory, pick
from engine.progress import Metric
from engine.retrieval import index as indexes
from engine.training import adapters, examples, sft
from jobs.kinds.fields import Bullets, Dataset, Device, Frozen, Index, K, Questions, Seed, choose, unit
from jobs.lineage import record_adapter
from jobs.material import training
from jobs.references import find, find_index, find_written
from jobs.running import Job
from jobs.workspace import artifact, key, under_home

TITLE = "Train"
ABOUT = "train an adapter for a small model"
MAKES = "adapter"


class Spec(Frozen):
    """How to train."""

    dataset: Dataset
    index: Index = ""
    questions: Questions = ""
    small: str = Field(
        SMALL,
        description="the model to train: a catalog name, a hub id (owner/name) or a folder",
        json_schema_extra=choose("model"),
    )
    r: int = Field(32, ge=1, le=512, description="rank of the adapter")
    alpha: int = Field(
        0, ge=0, le=1024, description="scale: the update is multiplied by alpha / r; 0 takes twice r"
    )
    dropout: float = Field(0, ge=0, lt=1, description="share of adapter inputs dropped while training")
    learning_rate: float = Field(
        0.0, ge=0, le=0.1, description="peak learning rate; 0 takes the usual one for the model's size"
    )
    epochs: float = Field(1.0, gt=0, le=50, description="passes over the training rows")
    batch: int = Field(
        0,
        ge=0,
        le=1024,
        description="rows an optimizer step; 0 takes the usual number for the model's size",
        json_schema_extra=unit("rows"),
    )
    micro_batch: int = Field(
        0,
        ge=0,
        le=1024,
        description="rows computed at once; less needs less memory; 0 takes the usual number for the model's "
        "size and the device",
        json_schema_extra=unit("rows"),
    )
    max_length: int = Field(
        1024,
        ge=32,
        le=131072,
        description="longest row; longer rows are left out",
        json_schema_extra=unit("tokens"),
    )
    bullets: Bullets = 6
    k: K = 3
    device: Device = "auto"
    seed: Seed = 0


def lora(spec: Spec, device: str) -> sft.LoraSpec:
    """What the trainer is told; `device` is cuda, mps or cpu."""
    parameters = lookup(spec.small).parameters
    rate = spec.learning_rate or sft.usual_rate(parameters)
    return sft.LoraSpec(
        r=spec.r,
        alpha=spec.alpha or 2 * spec.r,
        dropout=spec.dropout,
        learning_rate=rate,
        epochs=spec.epochs,
        max_length=spec.max_length,
        batch=spec.batch or sft.usual_batch(parameters),
        micro_batch=spec.micro_batch or sft.usual_micro_batch(parameters, device),
        seed=spec.seed,
    )


def unused(small: str, learned: Sequence[Question]) -> str:
    """What to say of the questions without an answer that a model of this size is not trained on, else ""."""
    count = sum(not question.answers for question in learned)
    if not count or examples.usual_mixture(lookup(small).parameters).withheld:
        return ""
    return f"; {count} questions without an answer not used: {small} learns no refusals, the verifier refuses"


def run(job: Job) -> str:
    """Train the adapter, or take the one that was made of the same."""
    spec: Spec = job.spec
    source = find(job.db, "dataset", spec.dataset)
    index = indexes.load(find_index(job.db, spec.index, source))
    written = find_written(job.db, spec.questions, source)
    found = training(source, written, index)
    learned = found.questions
    told = lora(spec, pick(job.device).kind)
    skipped = unused(spec.small, learned)
    made_of = [
        *(examples.VERSION, spec.small, index.fingerprint, fingerprint(learned)),
        *(told.model_dump(), spec.bullets, spec.k),
    ]
    place = artifact(MAKES, key("adapter", *made_of))
    work = place.parent / f".{place.name}-work"
    lineage = {"dataset_id": source.name, "questions": written.name if written else ""}
    note = "taken as it was made before"
    if not whole(place):
        note = _train(job, told, index, learned, place, work, lineage)
    shutil.rmtree(work, ignore_errors=True)
    record_adapter(job.db, place, f"{job.name} adapter")
    job.say(note + skipped + found.note())
    return under_home(place)


def _train(
    job: Job,
    told: sft.LoraSpec,
    index: Any,
    learned: tuple[Question, ...],
    place: Path,
    work: Path,
    lineage: dict[str, str],
) -> str:
    """Train, load the adapter again and let it answer, and only then put it in its place."""
    from engine.inference.model import load

    spec: Spec = job.spec
    begun = time.monotonic()
    precision = sft.precision(spec.small, job.device)
    model = load(spec.small, device=job.device, merge=False, precision=precision)
    rows = examples.rows(
        learned,
        index,
        model.tokenizer,
        k=spec.k,
        bullets=spec.bullets,
        mixture=examples.usual_mixture(model.entry.parameters),
        seed=spec.seed,
        report=job.report,
    )
    trained = sft.train(model, rows, told, work, job.report, job.cancelled)
    job.report(Metric("peak_memory", 0, float(peak_memory(model.device.kind))))
    manifest = {
        **adapters.trained_for(model),
        "index": index.fingerprint,
        "dataset": fingerprint(learned),
        "rows": {kind: sum(row.kind == kind for row in rows) for kind in examples.KINDS},
        "tokens": sum(row.length for row in rows),
        "spec": told.model_dump(),
        "bullets": spec.bullets,
        "k": spec.k,
        "job": job.id,
        "seconds": round(time.monotonic() - begun, 1),
    }
    del model
    gc.collect()
    adapters.reload(trained, spec.small, rows, job.device)
    adapters.save(trained, place, manifest | lineage)
    read_manifest(place)
    return f"{len(rows)} rows, {manifest['tokens']} tokens"
