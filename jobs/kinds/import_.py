"""Import: read documents and questions, say what could not be read, divide the questions into dev and
test, keep all of it as one dataset."""

from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from engine.artifact import whole
from engine.data import dataset
from engine.data.load import SAMPLES, load, load_questions, samples
from engine.data.records import Corpus, Question, fingerprint
from engine.data.split import split_questions
from engine.errors import DataError
from jobs.kinds.fields import Frozen, Seed
from jobs.running import Job
from jobs.workspace import artifact, checked_name, key, under_home
from storage import artifacts

TITLE = "Import"
ABOUT = "read documents and questions into a dataset"
MAKES = "dataset"
DEVICE = False
SHOWN_REJECTS = 5


class Spec(Frozen):
    """What to read."""

    documents: str = Field(
        "space",
        min_length=1,
        description="a file or folder of .md .txt .jsonl .csv or SQuAD .json, or a sample: space, handbook",
    )
    questions: str = Field(
        "", description="a file or folder of questions; else those that come with the documents"
    )
    name: str = Field("", description="the dataset's name; it is made of the documents' name if left out")
    seed: Seed = 0


def run(job: Job) -> str:
    """Read, divide and keep; the dataset is read back before it counts as made."""
    spec: Spec = job.spec
    name = checked_name(spec.name or name_of(spec.documents))
    corpus = read(spec)
    corpus = Corpus(corpus.documents, split_questions(corpus.questions, spec.seed), corpus.rejected)
    if corpus.questions:
        _check_testable(corpus.questions, spec.questions or spec.documents)
    place = artifact(
        MAKES, key("dataset", name, fingerprint(corpus.documents), fingerprint(corpus.questions))
    )
    if not whole(place):
        facts = {"name": name, "source": spec.documents, "spec": spec.model_dump(), "job": job.id}
        dataset.save(place, corpus, facts)
    dataset.load(place)
    artifacts.record_dataset(
        job.db,
        id=place.name,
        name=name,
        fingerprint=fingerprint(corpus.documents),
        documents=len(corpus.documents),
        questions=len(corpus.questions),
        path=under_home(place),
        rejected=[asdict(one) for one in corpus.rejected],
    )
    lost = f", {len(corpus.rejected)} rows or files not read" if corpus.rejected else ""
    count = {name: sum(one.split == name for one in corpus.questions) for name in ("dev", "test")}
    job.say(f"{len(corpus.documents)} documents, {count['dev']} dev and {count['test']} test questions{lost}")
    for one in corpus.rejected[:SHOWN_REJECTS]:
        where = f"{one.file}, row {one.row}" if one.row else one.file
        job.tell(f"      not read: {where}: {one.reason}")
    if len(corpus.rejected) > SHOWN_REJECTS:
        job.tell(f"      and {len(corpus.rejected) - SHOWN_REJECTS} more; all are in the report")
    return under_home(place)


def read(spec: Spec) -> Corpus:
    """Documents and questions as they come. Raises DataError when there are no documents."""
    corpus = samples(spec.documents) if spec.documents in SAMPLES else load(Path(spec.documents))
    if spec.questions:
        asked = load_questions(Path(spec.questions))
        rejected = corpus.rejected + asked.rejected
        corpus = Corpus(corpus.documents or asked.documents, asked.questions, rejected)
    if not corpus.documents:
        raise DataError(
            f"{spec.documents} holds questions but no documents: name the documents' folder with --documents."
        )
    return corpus


def name_of(documents: str) -> str:
    """A name for a dataset or experiment, made of where its documents are."""
    stem = Path(documents).resolve().stem.lower() if documents not in SAMPLES else documents
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem)
    return letters.strip("-")[:64] or "documents"


def _check_testable(questions: tuple[Question, ...], source: str) -> None:
    test = [question for question in questions if question.split == "test"]
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
