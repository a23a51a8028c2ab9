"""Documents in, the table out: load, index, write questions, train, answer, report. Each stage's result is an artefact with a key
made of what it depends on, so that the next run takes what is there and goes on.

Runs in the foreground; what it does is kept in storage under one job. Computes nothing itself.
"""

import gc
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest, whole, writing
from engine.catalog import lookup
from engine.data.load import load, load_questions, samples
from engine.data.records import Corpus, Question, fingerprint
from engine.data.split import split_questions
from engine.errors import ConfigError, DataError
from engine.progress import Metric, Progress
from jobs.console import Console
from jobs.specs import ARMS, QuickstartSpec
from jobs.workspace import artifact, checked_name, home, key

SAMPLES = ("space", "handbook")
STAGES = 6


@dataclass
class Experiment:
    """What the stages hand on."""

    spec: QuickstartSpec
    name: str
    console: Console
    db: Any
    job: str
    corpus: Corpus = Corpus()
    dev: tuple[Question, ...] = ()
    test: tuple[Question, ...] = ()
    index: Any = None
    index_place: Path | None = None
    training: tuple[Question, ...] = ()
    synthesis: dict[str, Any] | None = None
    adapter: Path | None = None

    @property
    def device(self) -> str | None:
        """The device asked for, or None for the best there is."""
        return None if self.spec.device == "auto" else self.spec.device


def run(spec: QuickstartSpec) -> dict[str, Any]:
    """Run the experiment and return its rows, sentences and the report's folder. Raises LabError for what a person can mend."""
    from storage import jobs as rows
    from storage.db import connect

    name = checked_name(spec.name or _name_of(spec.documents))
    arms = _arms(spec)
    lookup(spec.small), lookup(spec.large), lookup(spec.writer)
    db = connect(home())
    job = f"quickstart-{name}"
    _free(db, job)
    rows.start(db, job, "quickstart", name, spec.model_dump(), pid=os.getpid(), pid_created=_created(os.getpid()))
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
    _documents(experiment)
    _index(experiment)
    _questions(experiment)
    if any(name.startswith("lora") for name in arms):
        _train(experiment)
    else:
        experiment.console.begin("train")
        experiment.console.end("no arm needs an adapter")
    from jobs.ablation import evaluate, report

    results = evaluate(experiment, arms)
    return report(experiment, results)


def _documents(experiment: Experiment) -> None:
    console, spec = experiment.console, experiment.spec
    console.begin("documents")
    corpus = samples(spec.documents) if spec.documents in SAMPLES else load(Path(spec.documents))
    if spec.questions:
        asked = load_questions(Path(spec.questions))
        corpus = Corpus(corpus.documents or asked.documents, asked.questions, corpus.rejected + asked.rejected)
    if not corpus.documents:
        raise DataError(f"{spec.documents} holds questions but no documents: name the documents' folder with --documents.")
    experiment.corpus = corpus
    questions = split_questions(corpus.questions, spec.seed)
    experiment.dev = tuple(question for question in questions if question.split == "dev")
    experiment.test = tuple(question for question in questions if question.split == "test")
    _record_dataset(experiment)
    lost = f", {len(corpus.rejected)} rows or files not read" if corpus.rejected else ""
    console.end(f"{len(corpus.documents)} documents, {len(experiment.dev)} dev and {len(experiment.test)} test questions{lost}")
    for rejected in corpus.rejected[:5]:
        _say(f"      not read: {rejected.file}" + (f", row {rejected.row}" if rejected.row else "") + f": {rejected.reason}")
    if len(corpus.rejected) > 5:
        _say(f"      and {len(corpus.rejected) - 5} more; all are in the report")


def _index(experiment: Experiment) -> None:
    from engine.retrieval import index as indexes
    from storage import artifacts

    console = experiment.console
    console.begin("index")
    documents = experiment.corpus.documents
    place = artifact("index", key("index", indexes.VERSION, fingerprint(documents)))
    if not whole(place):
        indexes.save(indexes.build(documents, report=console), place)
    experiment.index, experiment.index_place = indexes.load(place), place
    made = experiment.index.manifest
    if artifacts.find_index(experiment.db, id=place.name) is None:
        artifacts.record_index(
            experiment.db,
            id=place.name,
            dataset_id=_dataset_id(experiment),
            fingerprint=made["fingerprint"],
            path=_under_home(place),
            manifest=made,
        )
    console.end(f"{made['chunks']} chunks, {made['sentences']} sentences")


def _questions(experiment: Experiment) -> None:
    """The training questions, written from the documents; without any questions of a person's own, some are held out to test with."""
    from engine.data import synthesize

    console, spec = experiment.console, experiment.spec
    console.begin("questions")
    settings = {"writer": spec.writer, "target": spec.target, "seconds": spec.write_seconds, "seed": spec.seed, "k": spec.k}
    avoid = experiment.dev + experiment.test
    place = artifact("questions", key("questions", synthesize.VERSION, experiment.index.fingerprint, settings, fingerprint(avoid)))
    if not whole(place):
        from engine.inference.extract import reader
        from engine.inference.model import load as load_model

        writer = load_model(spec.writer, device=experiment.device, report=console)
        made = synthesize.synthesize(
            experiment.index,
            writer,
            reader(device=experiment.device),
            target=spec.target,
            seconds=spec.write_seconds,
            avoid=avoid,
            k=spec.k,
            seed=spec.seed,
            report=console,
        )
        del writer
        gc.collect()
        facts = {"kind": "questions", "counts": made.counts, "reworded": made.reworded, "seconds": made.seconds, **settings}
        with writing(place, facts) as folder:
            lines = [json.dumps(asdict(question), ensure_ascii=False) for question in made.questions]
            (folder / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    experiment.synthesis = read_manifest(place)
    rows = [json.loads(line) for line in (place / "questions.jsonl").read_text(encoding="utf-8").splitlines() if line]
    questions = tuple(Question(**{**row, "answers": tuple(row["answers"])}) for row in rows)
    if not questions:
        raise DataError(
            "No training question could be written from the documents: give more or longer prose, or questions of your own."
        )
    experiment.training = questions if experiment.test else _hold_out(experiment, questions)
    counts = experiment.synthesis["counts"]
    kept = f"{counts.get('kept', 0)} kept of {sum(counts.values())} written, {experiment.synthesis['reworded'].get('kept', 0)} rewordings"
    console.end(kept if avoid else f"{kept}; {len(experiment.dev)} dev and {len(experiment.test)} test questions held out of them")


def _hold_out(experiment: Experiment, questions: tuple[Question, ...]) -> tuple[Question, ...]:
    """Where a person brings no questions: a fifth of the source sentences, with all that is asked about them, is kept for dev and
    test."""
    sentences = sorted({question.evidence for question in questions})
    held = {evidence: place for place, evidence in enumerate(sentences) if int(key(evidence), 16) % 5 == 0}
    asked: dict[str, Question] = {}
    for question in questions:
        if question.evidence in held:
            asked.setdefault(question.evidence, question)
    chosen = split_questions([Question(**{**asdict(q), "split": ""}) for q in asked.values()], experiment.spec.seed)
    experiment.dev = tuple(question for question in chosen if question.split == "dev")
    experiment.test = tuple(question for question in chosen if question.split == "test")
    left = tuple(question for question in questions if question.evidence not in held)
    if not experiment.test or not left:
        raise DataError("The documents are too short to make questions for training and for testing: add documents or questions.")
    return left


def _train(experiment: Experiment) -> None:
    from engine.inference.model import load as load_model
    from engine.training import adapters, examples, sft

    console, spec = experiment.console, experiment.spec
    console.begin("train")
    rank = {"r": spec.r, "alpha": 2 * spec.r, "epochs": spec.epochs, "seed": spec.seed}
    rate = spec.learning_rate or sft.usual_rate(lookup(spec.small).parameters)
    lora = sft.LoraSpec(**rank, learning_rate=rate)
    made_of = [examples.VERSION, spec.small, experiment.index.fingerprint, fingerprint(experiment.training), lora.model_dump(), spec.bullets, spec.k]
    place = artifact("adapter", key("adapter", *made_of))
    note = "taken as it was made before"
    if not whole(place):
        begun = time.monotonic()
        model = load_model(spec.small, device=experiment.device, merge=False, precision=sft.precision(spec.small, experiment.device))
        rows = examples.rows(
            experiment.training, experiment.index, model.tokenizer, k=spec.k, bullets=spec.bullets, seed=spec.seed, report=console
        )
        work = place.parent / f".{place.name}-work"
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
        adapters.save(trained, place, manifest)
        adapters.reload(place, spec.small, rows, experiment.device)
        _remove(work)
        note = f"{len(rows)} rows, {manifest['tokens']} tokens"
    experiment.adapter = place
    _record_adapter(experiment, place)
    console.end(note)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _record_adapter(experiment: Experiment, place: Path) -> None:
    from storage import artifacts

    if artifacts.find_model(experiment.db, id=experiment.spec.small) is None:
        artifacts.record_model(
            experiment.db,
            id=experiment.spec.small,
            name=experiment.spec.small,
            base=experiment.spec.small,
            kind=artifacts.BASE,
            path="",
            manifest=asdict(lookup(experiment.spec.small)),
        )
    if artifacts.find_model(experiment.db, id=place.name) is None:
        artifacts.record_model(
            experiment.db,
            id=place.name,
            name=f"{experiment.name} adapter",
            base=experiment.spec.small,
            kind=artifacts.ADAPTER,
            path=_under_home(place),
            manifest=read_manifest(place),
        )


def _record_dataset(experiment: Experiment) -> None:
    from storage import artifacts

    if artifacts.find_dataset(experiment.db, id=_dataset_id(experiment)) is None:
        corpus = experiment.corpus
        artifacts.record_dataset(
            experiment.db,
            id=_dataset_id(experiment),
            name=experiment.name,
            fingerprint=fingerprint(corpus.documents),
            documents=len(corpus.documents),
            questions=len(corpus.questions),
            path=experiment.spec.documents,
            rejected=[asdict(rejected) for rejected in corpus.rejected],
        )


def _dataset_id(experiment: Experiment) -> str:
    return key("dataset", experiment.name, fingerprint(experiment.corpus.documents), fingerprint(experiment.corpus.questions))


def _arms(spec: QuickstartSpec) -> list[str]:
    try:
        return spec.rows()
    except ValueError as error:
        raise ConfigError(f"--arms: {error}.") from error


def _name_of(documents: str) -> str:
    stem = Path(documents).resolve().stem.lower() if documents not in SAMPLES else documents
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem).strip("-")[:64] or "documents"


def _under_home(place: Path) -> str:
    return str(place.relative_to(home()))


def _keeper(db: Any, job: str) -> Any:
    from storage import metrics

    def keep(said: Progress | Metric) -> None:
        if isinstance(said, Metric):
            metrics.record(db, job, said.name, said.step, said.value)

    return keep


def _free(db: Any, job: str) -> None:
    """Mark a run of this name as interrupted when its process is gone."""
    from storage import jobs as rows

    row = rows.get(db, job)
    if row and row["state"] == rows.RUNNING and _created(row["pid"] or 0) != row["pid_created"]:
        rows.interrupt(db, job, "its process was gone")


def _created(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time()) if pid else None
    except psutil.Error:
        return None


def _say(text: str) -> None:
    import sys

    print(text, file=sys.stderr)

