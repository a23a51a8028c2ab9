"""The stages before the answers: read the documents, index them, write training questions, train the adapter.

Each one's result is an artefact with a key made of what it depends on: what is there is taken. Computes
nothing itself.
"""

import gc
import json
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from engine.artifact import read_manifest, whole, writing
from engine.catalog import lookup
from engine.data import synthesize
from engine.data.load import SAMPLES, load, load_questions, samples
from engine.data.records import Corpus, Question, fingerprint
from engine.data.split import split_questions
from engine.errors import DataError
from engine.inference.extract import reader
from engine.inference.model import load as load_model
from engine.retrieval import index as indexes
from engine.training import adapters, examples, sft
from jobs.experiment import Experiment, record_adapter, record_dataset, record_index
from jobs.workspace import artifact, key

SHOWN_REJECTS = 5


def documents(experiment: Experiment) -> None:
    """Read documents and questions, say what could not be read, divide the questions into dev and test."""
    console, spec = experiment.console, experiment.spec
    console.begin("documents")
    corpus = samples(spec.documents) if spec.documents in SAMPLES else load(Path(spec.documents))
    if spec.questions:
        asked = load_questions(Path(spec.questions))
        rejected = corpus.rejected + asked.rejected
        corpus = Corpus(corpus.documents or asked.documents, asked.questions, rejected)
    if not corpus.documents:
        raise DataError(
            f"{spec.documents} holds questions but no documents: name the documents' folder with --documents."
        )
    experiment.corpus = corpus
    divided = split_questions(corpus.questions, spec.seed)
    experiment.dev = tuple(question for question in divided if question.split == "dev")
    experiment.test = tuple(question for question in divided if question.split == "test")
    if corpus.questions:
        _check_testable(experiment.test, spec.questions or spec.documents)
    record_dataset(experiment)
    lost = f", {len(corpus.rejected)} rows or files not read" if corpus.rejected else ""
    console.end(f"{len(corpus.documents)} documents, {_split(experiment)} test questions{lost}")
    for one in corpus.rejected[:SHOWN_REJECTS]:
        _say(f"      not read: {one.file}" + (f", row {one.row}" if one.row else "") + f": {one.reason}")
    if len(corpus.rejected) > SHOWN_REJECTS:
        _say(f"      and {len(corpus.rejected) - SHOWN_REJECTS} more; all are in the report")


def index(experiment: Experiment) -> None:
    """Build the index, or take the one of the same documents."""
    console = experiment.console
    console.begin("index")
    place = artifact("index", key("index", indexes.VERSION, fingerprint(experiment.corpus.documents)))
    if not whole(place):
        indexes.save(indexes.build(experiment.corpus.documents, report=console), place)
    experiment.index, experiment.index_place = indexes.load(place), place
    record_index(experiment, place)
    made = experiment.index.manifest
    console.end(f"{made['chunks']} chunks, {made['sentences']} sentences")


def questions(experiment: Experiment) -> None:
    """The training questions, written from the documents; without any questions of a person's own, some are
    held out to test with."""
    console, spec = experiment.console, experiment.spec
    console.begin("questions")
    settings = {
        "writer": spec.writer,
        "target": spec.target,
        "seconds": spec.write_seconds,
        "seed": spec.seed,
        "k": spec.k,
    }
    avoid = experiment.dev + experiment.test
    made_of = [synthesize.VERSION, experiment.index.fingerprint, settings, fingerprint(avoid)]
    place = artifact("questions", key("questions", *made_of))
    if not whole(place):
        _write_questions(experiment, place, settings, avoid)
    experiment.synthesis = read_manifest(place)
    found = _read_questions(place / "questions.jsonl")
    if not found:
        raise DataError(
            "No training question could be written from the documents: give more or longer prose, or "
            "questions of your own."
        )
    experiment.training = found if experiment.test else _hold_out(experiment, found)
    counts, reworded = experiment.synthesis["counts"], experiment.synthesis["reworded"]
    held = "" if avoid else f"; {_split(experiment)} test questions held out of them"
    written = f"{counts.get('kept', 0)} kept of {sum(counts.values())} written"
    console.end(f"{written}, {reworded.get('kept', 0)} rewordings{held}")


def train(experiment: Experiment) -> None:
    """Train the adapter on the training questions, or take the one that was made of the same."""
    console, spec = experiment.console, experiment.spec
    console.begin("train")
    rate = spec.learning_rate or sft.usual_rate(lookup(spec.small).parameters)
    lora = sft.LoraSpec(r=spec.r, alpha=2 * spec.r, epochs=spec.epochs, seed=spec.seed, learning_rate=rate)
    made_of = [
        *(examples.VERSION, spec.small, experiment.index.fingerprint, fingerprint(experiment.training)),
        *(lora.model_dump(), spec.bullets, spec.k),
    ]
    place = artifact("adapter", key("adapter", *made_of))
    work = place.parent / f".{place.name}-work"
    note = "taken as it was made before" if whole(place) else _train(experiment, lora, place, work)
    shutil.rmtree(work, ignore_errors=True)
    experiment.adapter = place
    record_adapter(experiment, place)
    console.end(note)


def _check_testable(test: tuple[Question, ...], source: str) -> None:
    if not test:
        raise DataError(
            f"All questions in {source} are marked for training or dev, so there is nothing to test with: "
            'mark some with "split": "test", or leave the split out.'
        )
    if not any(question.answerable for question in test):
        raise DataError(
            f"No test question in {source} has an answer, so nothing can be scored: give the questions "
            "answers, or leave them out and let the lab write its own."
        )


def _write_questions(
    experiment: Experiment, place: Path, settings: dict[str, object], avoid: tuple[Question, ...]
) -> None:
    spec = experiment.spec
    writer = load_model(spec.writer, device=experiment.device, report=experiment.console)
    made = synthesize.synthesize(
        experiment.index,
        writer,
        reader(device=experiment.device),
        target=spec.target,
        seconds=spec.write_seconds,
        avoid=avoid,
        k=spec.k,
        seed=spec.seed,
        report=experiment.console,
    )
    del writer
    gc.collect()
    facts = {"kind": "questions", "counts": made.counts, "reworded": made.reworded, "seconds": made.seconds}
    with writing(place, facts | settings) as folder:
        lines = [json.dumps(asdict(question), ensure_ascii=False) for question in made.questions]
        (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_questions(file: Path) -> tuple[Question, ...]:
    # split("\n"), since splitlines also cuts at the other ends of lines that a question may hold
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    return tuple(Question(**{**row, "answers": tuple(row["answers"])}) for row in rows)


def _hold_out(experiment: Experiment, found: tuple[Question, ...]) -> tuple[Question, ...]:
    """Where a person brings no questions: a fifth of the source sentences, with all that is asked about them,
    is kept for dev and test."""
    held = {
        evidence for evidence in {question.evidence for question in found} if int(key(evidence), 16) % 5 == 0
    }
    asked: dict[str, Question] = {}
    for question in found:
        if question.evidence in held:
            asked.setdefault(question.evidence, question)
    unmarked = [Question(**{**asdict(question), "split": ""}) for question in asked.values()]
    chosen = split_questions(unmarked, experiment.spec.seed)
    experiment.dev = tuple(question for question in chosen if question.split == "dev")
    experiment.test = tuple(question for question in chosen if question.split == "test")
    left = tuple(question for question in found if question.evidence not in held)
    if not experiment.test or not left:
        raise DataError(
            "The documents are too short to make questions for training and for testing: add documents or "
            "questions."
        )
    return left


def _train(experiment: Experiment, lora: sft.LoraSpec, place: Path, work: Path) -> str:
    """Train, load the adapter again and let it answer, and only then put it in its place."""
    spec, console = experiment.spec, experiment.console
    begun = time.monotonic()
    precision = sft.precision(spec.small, experiment.device)
    model = load_model(spec.small, device=experiment.device, merge=False, precision=precision)
    rows = examples.rows(
        experiment.training,
        experiment.index,
        model.tokenizer,
        k=spec.k,
        bullets=spec.bullets,
        seed=spec.seed,
        report=console,
    )
    trained = sft.train(model, rows, lora, work, console)
    manifest = {
        "base": spec.small,
        "template": model.template,
        "index": experiment.index.fingerprint,
        "dataset": fingerprint(experiment.training),
        "rows": {kind: sum(row.kind == kind for row in rows) for kind in examples.KINDS},
        "tokens": sum(row.length for row in rows),
        "spec": lora.model_dump(),
        "bullets": spec.bullets,
        "k": spec.k,
        "job": experiment.job,
        "seconds": round(time.monotonic() - begun, 1),
    }
    del model
    gc.collect()
    adapters.reload(trained, spec.small, rows, experiment.device)
    adapters.save(trained, place, manifest)
    return f"{len(rows)} rows, {manifest['tokens']} tokens"


def _split(experiment: Experiment) -> str:
    return f"{len(experiment.dev)} dev and {len(experiment.test)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
