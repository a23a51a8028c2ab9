"""What the page Data shows after some work, beside tests/app/filled.py: a cleaned and a divided dataset,
questions that a teacher wrote, pairs, and a teacher's job that runs. Made by the lab's own writers, without a
model.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.artifact import write_json, write_lines, writing
from engine.data import dataset
from engine.data.clean import CleanSpec, clean
from engine.data.dataset import PAIRS, write_records
from engine.data.records import Corpus, Document, Message, Pair, Question, fingerprint
from engine.data.split import frozen
from engine.data.tally import tell
from engine.data.teacher import Spent
from engine.data.written import DROPPED, Dropped, save_dropped
from engine.data.written import FILE as ROWS
from engine.progress import Metric, Progress
from jobs.kinds import KINDS
from jobs.kinds.clean import beside
from jobs.kinds.split import REPORT as LEAKS
from jobs.material import FILE, save_questions
from storage import artifacts, metrics, queue
from storage.db import connect
from tests.app.filled import HOSTILE

RAW, CLEAN, SPLIT, WRITTEN, MADE = ("c0" * 8, "c1" * 8, "5b" * 8, "7e" * 8, "9a" * 8)
COMPOSING = "job-composing"
TEXTS = (
    "The lander touched down beside a shallow crater. Its cameras sent the first picture in an hour, and the "
    "team on the ground could see the rim, a field of small stones and the shadow of one leg. Write to "
    "mission.control@example.org or call +41 44 668 18 00 for the raw data. ",
    "Titan has lakes of methane and ethane near its poles. Rain falls there in slow, large drops, cuts ways "
    "into ice as hard as rock, and gathers in basins that radar sees as smooth and dark. ",
    "Olympus Mons is three times as high as Everest. It is a shield volcano whose flanks are so wide that a "
    "person who stands on its slope would not see that it is a mountain at all. ",
)
QUESTIONS = tuple(
    Question(f"q{number}", text, answers, document, kind=kind, split=split)
    for number, (text, answers, document, kind, split) in enumerate(
        (
            ("What do the lakes of Titan hold?", ("methane and ethane",), "doc-1", "fact", "train"),
            ("How many times as high as Everest is Olympus Mons?", ("three",), "doc-2", "number", "train"),
            ("Where did the lander touch down?", ("beside a shallow crater",), "doc-0", "fact", "dev"),
            ("Why would a person not see that it is a mountain?", ("wide flanks",), "doc-2", "why", "test"),
            (f"Who wrote {HOSTILE}?", (), None, "unanswerable", "test"),
        )
    )
)


def fill(home: Path) -> Path:
    """Fill the workspace and return it."""
    db = connect(home)
    _cleaned(home, db)
    _split(home, db)
    written(home)
    pairs(home)
    _composing(db)
    db.close()
    return home


def documents() -> tuple[Document, ...]:
    """Forty documents of different lengths, with duplicates, poor text and something too short."""
    good = [
        Document(f"doc-{n}", f"Note {n}", f"Note {n}. " + TEXTS[n % 3] * (1 + n % 7) + f"Entry {n * 7919}.")
        for n in range(34)
    ]
    poor = [Document(f"poor-{n}", "", f"{'$%&/ 0x' * 40} {n}") for n in range(3)]
    return (
        *good,
        *poor,
        Document("same", "Note 4", good[4].text),
        Document("short", "", "Tiny."),
        Document("hostile", HOSTILE, HOSTILE),
    )


def record(
    home: Path, db: Any, id: str, name: str, corpus: Corpus, facts: dict[str, Any], also: Any = None
) -> None:
    """A dataset and its row."""
    place = home / "artifacts/dataset" / id
    dataset.save(place, corpus, {"name": name, "source": "notes", **facts}, also)
    artifacts.record_dataset(
        db,
        id=id,
        name=name,
        fingerprint=fingerprint(corpus.documents),
        documents=len(corpus.documents),
        questions=len(corpus.questions),
        path=f"artifacts/dataset/{id}",
    )


def _cleaned(home: Path, db: Any) -> None:
    raw = Corpus(
        documents(), (*QUESTIONS, Question("gone", "What is tiny?", ("Tiny",), "short", split="dev"))
    )
    record(home, db, RAW, "notes", raw, {})
    made = clean(raw, CleanSpec(pii="all", near=0.0))

    record(home, db, CLEAN, "notes-clean", made.corpus, {"cleaned": RAW}, lambda folder: beside(folder, made))


def _split(home: Path, db: Any) -> None:
    leak = {"tested": "q3", "trained": "q9", "how": "13-gram", "similarity": 1.0, "split": "dev"}
    leaks = [leak | {"question": f"Is it {HOSTILE}?", "like": QUESTIONS[3].question}]
    facts = {"split_of": RAW, "frozen": frozen(QUESTIONS), "leaks": 1, "spec": {"seed": 0, "drop": True}}
    corpus = Corpus(documents(), QUESTIONS)
    record(home, db, SPLIT, "notes-split", corpus, facts, lambda folder: write_json(folder / LEAKS, leaks))


def written(home: Path, id: str = WRITTEN) -> Path:
    """Questions that a teacher wrote."""
    place = home / "artifacts/questions" / id
    counts = {
        "kept": 3,
        "answer not in the cited sentences": 2,
        "not a question": 1,
        "source not retrieved": 1,
    }
    spent = asdict(Spent(calls=7, cached=2, prompt_tokens=2100, completion_tokens=430, cost=0.0123))
    facts = {"kind": "questions", "dataset": RAW, "writer": "teacher-large", "seconds": 0.0}
    facts |= {"counts": counts, "reworded": {"kept": 2, "repeated": 1}, "spent": spent, "stopped": ""}
    rows = [
        {
            "question": asdict(question),
            "rationale": "The passage says so word for word [1].",
            "cited": ["Titan has lakes of methane and ethane near its poles."],
            "negatives": ["Rain falls there in slow, large drops.", f"A passage called {HOSTILE}."],
            "provenance": {"teacher": "teacher-large", "chunks": [["doc-1", 0, 180]]},
        }
        for question in QUESTIONS[:3]
    ]
    with writing(place, facts) as folder:
        save_questions(folder / FILE, QUESTIONS[:3])
        write_lines(folder / ROWS, rows)
        save_dropped(
            folder / DROPPED, [Dropped(f"Is it {HOSTILE}", "1655", rows[0]["cited"][0], "not a question")]
        )
    return place


def three() -> tuple[Pair, ...]:
    """Three pairs."""
    evidence = (
        "Answer from the numbered evidence.\n\n[1] Titan has lakes of methane and ethane.\n"
        "[2] Huygens landed on Titan in January 2005.\n\nQuestion: {}"
    )
    sides = (
        ("When did Huygens land on Titan?", "January 2005 [2]", "2004 [1]", 0.61),
        ("What do the lakes of Titan hold?", "methane and ethane [1]", "water ice [2]", 0.34),
        (f"Who wrote {HOSTILE}?", "I don't know", f"{HOSTILE} [1]", None),
    )
    return tuple(
        Pair(f"p{n}", (Message("user", evidence.format(asked)),), good, bad, "on-policy", margin)
        for n, (asked, good, bad, margin) in enumerate(sides)
    )


def pairs(home: Path, id: str = MADE) -> Path:
    """A set of three preference pairs."""
    place = home / "artifacts/pairs" / id
    facts = {"kind": "pairs", "name": "space", "pairs": 3, "counts": {"kept": 3, "the same answer": 2}}
    with writing(place, facts | {"spec": {"source": "samples"}}) as folder:
        write_records(folder / PAIRS, three())
    return place


def _composing(db: Any) -> None:
    """A teacher's job in the middle of its work."""
    spec = KINDS["compose"].Spec(dataset="notes", model="teacher-large", target=40).model_dump()
    queue.enqueue(db, COMPOSING, "compose", "notes", spec, priority=9)
    row = queue.claim(db, ["cpu"], most=99)
    assert row is not None and row["id"] == COMPOSING
    spent = Spent(calls=21, cached=4, prompt_tokens=6300, completion_tokens=1240, cost=0.0371)

    def report(said: Progress | Metric) -> None:
        assert isinstance(said, Metric)
        metrics.record(db, COMPOSING, said.name, said.step, said.value)

    tell({"kept": 16, "not a question": 3, "repeated": 1, "no usable JSON": 5}, report, spent)
    note = {
        "stage": "ask the teacher",
        "done": 25,
        "total": 64,
        "unit": "requests",
        "note": spent.line(),
        "eta": 80.0,
    }
    queue.beat(db, COMPOSING, row["claims"], note)
