"""A workspace as it looks after some work: a dataset, an index, an adapter, an experiment with its answers,
and jobs in every state. Made up, but through storage's and the engine's own writers, so that pages meet
what they will meet.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.artifact import writing
from engine.data import dataset
from engine.data.records import Corpus, Document, Mark, Question, Rejected, fingerprint
from engine.evaluation import report
from engine.evaluation.scoring import score, summarize
from engine.evaluation.timing import timings
from engine.inference.trace import Answer, Bullet, Trace, Verdict
from jobs.specs import QuickstartSpec
from storage import answers, artifacts, jobs, metrics, queue
from storage.db import connect

HOSTILE = "**x** <img src=q onerror=alert(1)> `y` $z$ :red[w] [a](javascript:b)"
DATASET, INDEX, ADAPTER, EXPERIMENT = "d1d1d1d1d1d1d1d1", "1a2b3c4d5e6f7a8b", "ada9ada9ada9ada9", "space"
RUNNING, FAILED, DONE, OTHER, QUEUED, CANCELLED = (
    f"job-{n}" for n in "running failed done other queued cancelled".split()
)
ARMS = ("Baseline", "LoRA", "RAG+Compress", "LoRA+RAG+Compress")
DOCUMENTS = (
    Document(
        "mars",
        "Mars",
        "Mars is the fourth planet from the Sun. Its two moons are Phobos and Deimos. A day on Mars "
        "lasts 24 hours and 37 minutes. Olympus Mons is its highest mountain.",
    ),
    Document(
        "titan",
        "Titan",
        "Titan is the largest moon of Saturn. Huygens landed on Titan in January 2005. Its lakes "
        "hold liquid methane and ethane.",
    ),
    Document("hostile", HOSTILE, f"A page called {HOSTILE} stands here to be shown as it is."),
)
QUESTIONS = (
    Question("q1", "When did Huygens land on Titan?", ("January 2005", "2005"), "titan", split="test"),
    Question("q2", "What are the moons of Mars called?", ("Phobos and Deimos",), "mars", split="test"),
    Question(
        "q3", "Who painted the ceiling of the observatory?", (), None, kind="unanswerable", split="test"
    ),
    Question("q4", f"Which page is called {HOSTILE}?", (HOSTILE,), "hostile", split="dev"),
)


def fill(home: Path, *, index: bool = False) -> Path:
    """Fill the workspace and return it. With `index` the index is a real one, which needs the embedder."""
    lost = Rejected(HOSTILE, 7, "empty text")
    corpus = Corpus(DOCUMENTS, QUESTIONS, (lost,))
    dataset.save(home / "artifacts/dataset" / DATASET, corpus, {"name": EXPERIMENT, "source": "space"})
    manifest = _index(home, index)
    db = connect(home)
    artifacts.record_dataset(
        db,
        id=DATASET,
        name=EXPERIMENT,
        fingerprint=fingerprint(DOCUMENTS),
        documents=3,
        questions=4,
        path=f"artifacts/dataset/{DATASET}",
        rejected=[{"file": HOSTILE, "row": 7, "reason": "empty text"}],
    )
    artifacts.record_index(
        db,
        id=INDEX,
        dataset_id=DATASET,
        fingerprint=manifest["fingerprint"],
        path=f"artifacts/index/{INDEX}",
        manifest=manifest,
    )
    _adapter(home, db, manifest["fingerprint"])
    _jobs(db)
    _experiment(home, db)
    db.close()
    return home


def _index(home: Path, real: bool) -> dict[str, Any]:
    place = home / "artifacts/index" / INDEX
    if not real:
        made = {"kind": "index", "documents": 3, "chunks": 3, "sentences": 8, "size": 256}
        made |= {"dataset": DATASET, "fingerprint": "f" * 16}
        with writing(place, made):
            return made
    from engine.retrieval import index

    built = index.build([replace(document, marks=(Mark(0, page=3),)) for document in DOCUMENTS])
    index.save(built, place)
    return built.manifest


def _adapter(home: Path, db: Any, index: str) -> None:
    made = {
        "base": "bantam-small",
        "index": index,
        "tokens": 51234,
        "spec": {"r": 32, "alpha": 64},
        "job": DONE,
    }
    with writing(home / "artifacts/adapter" / ADAPTER, made) as folder:
        (folder / "adapter_config.json").write_text("{}")
    artifacts.record_model(
        db,
        id=ADAPTER,
        name="space adapter",
        base="bantam-small",
        kind=artifacts.ADAPTER,
        path=f"artifacts/adapter/{ADAPTER}",
        manifest=made,
    )


def _jobs(db: Any) -> None:
    """Two finished trainings with curves, one that runs, and a failed, a cancelled and a waiting job."""
    from jobs.kinds import KINDS

    spec = KINDS["train"].Spec
    plain = {
        name: field.get_default(call_default_factory=True)
        for name, field in spec.model_fields.items()
        if not field.is_required()
    }
    plain["dataset"] = DATASET
    for id, rate in ((DONE, 4e-4), (OTHER, 1e-3), (RUNNING, 4e-4)):
        queue.enqueue(
            db, id, "train", f"space-{rate:g}", plain | {"learning_rate": rate, "epochs": 1 + (id == OTHER)}
        )
        row = queue.claim(db, ["cpu"], most=9)
        assert row is not None and row["id"] == id
        steps = 120 if id == RUNNING else 400
        curve(db, id, steps, rate)
        queue.beat(
            db,
            id,
            row["claims"],
            {
                "stage": "train",
                "done": steps,
                "total": 400,
                "unit": "steps",
                "note": "",
                "eta": 95.0,
                "at": row["started_at"],
            },
        )
        if id != RUNNING:
            jobs.finish(db, id, artifact=f"artifacts/adapter/{ADAPTER}")
    ended = {
        FAILED: (jobs.FAILED, f"The disk is full: {HOSTILE}"),
        CANCELLED: (jobs.CANCELLED, "cancelled by a person"),
    }
    for id, (state, error) in ended.items():
        queue.enqueue(db, id, "index", HOSTILE if id == FAILED else "handbook", {"dataset": DATASET})
        row = queue.claim(db, ["cpu"], most=9)
        assert row is not None and row["id"] == id
        jobs.end(db, id, state, error)
    queue.enqueue(
        db, QUEUED, "ablation", "handbook", QuickstartSpec(documents="handbook").model_dump(), needs=[RUNNING]
    )


def curve(db: Any, id: str, steps: int, rate: float) -> None:
    """A loss that falls and a learning rate that rises and falls."""
    values = [("loss", step, 1.1 + 2.4 * math.exp(-step * rate * 12)) for step in range(5, steps + 1, 5)]
    values += [
        ("learning_rate", step, rate * (1 + math.cos(math.pi * step / 400)) / 2)
        for step in range(5, steps + 1, 5)
    ]
    metrics.record_many(
        db, id, [*values, ("tokens_per_second", steps, 3456.0), ("peak_memory", steps, 1.9e9)]
    )


def traces(arm: str) -> list[Trace]:
    """An arm's answers to the test questions: some right, some wrong, some refused, some unsupported."""
    grounded = "RAG" in arm
    bullets = tuple(
        Bullet(n, text, document, 0, 0, len(text), score)
        for n, (text, document, score) in enumerate(
            (
                ("Huygens landed on Titan in January 2005.", "titan", 1.31),
                ("Its two moons are Phobos and Deimos.", "mars", 0.74),
                (f"A page called {HOSTILE} stands here.", "hostile", 0.4),
            ),
            1,
        )
    )
    texts = ["January 2005", "Phobos and Deimos", ""] if grounded else ["1969", "", "Michelangelo"]
    made = []
    for question, text in zip((q for q in QUESTIONS if q.split == "test"), texts, strict=True):
        said = Answer(text, f"{text} [1]", not text, (1,) if grounded and text else (), 0.1, (-0.2,))
        supported = grounded and bool(text)
        verdict = Verdict(
            supported,
            0.83 if supported else 0.2,
            {"coverage": 1.0, "answerable": 0.9},
            "accepted: score 0.83" if supported else f"refused: {HOSTILE}",
        )
        made.append(
            Trace(
                question.question,
                said,
                bullets if grounded else (),
                verdict,
                180 if grounded else 40,
                6,
                90,
                240,
                {"decode": 41.0, "search": 9.0},
                timed=True,
            )
        )
    return made


def _experiment(home: Path, db: Any) -> None:
    asked = [question for question in QUESTIONS if question.split == "test"]
    job = f"quickstart-{EXPERIMENT}"
    jobs.start(db, job, "quickstart", EXPERIMENT, {"documents": EXPERIMENT})
    scored = {
        arm: [score(question, trace) for question, trace in zip(asked, traces(arm), strict=True)]
        for arm in ARMS
    }
    for arm, found in scored.items():
        answers.record(db, job, arm, [answer(one) for one in found])
    jobs.finish(db, job)
    rows = summarize(scored)
    manifest = {
        "kind": "experiment",
        "name": EXPERIMENT,
        "job": job,
        "index": INDEX,
        "adapter": ADAPTER,
        "spec": {},
        "arms": {arm: {} for arm in ARMS},
        "adapter_gain": ["The adapter adds +4.4 [2.0, 7.1] F1 to RAG+Compress."],
        "timings": [time._asdict() for time in timings({arm: traces(arm) for arm in ARMS})],
    }
    with writing(home / "artifacts/experiment" / EXPERIMENT, manifest) as folder:
        report.write_report(
            folder / "report",
            "Bantam: space",
            rows,
            notes=[HOSTILE],
            facts={"Machine": "CPU"},
            command="make quickstart",
        )


def answer(one: Any) -> Mapping[str, Any]:
    """A scored answer as storage keeps it."""
    said = one.trace.answer
    return {
        "question_id": one.question.id,
        "question": one.question.question,
        "golds": one.question.answers,
        "answer": said.text,
        "refused": said.refused,
        "em": one.em,
        "f1": one.f1,
        "accuracy": one.accuracy,
        "citation_ok": one.citation,
        "prompt_tokens": one.trace.prompt_tokens,
        "output_tokens": one.trace.output_tokens,
        "trace": one.trace,
    }
