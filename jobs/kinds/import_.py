"""Import: read documents and questions, say what could not be read, divide the questions into dev and
test, keep all of it as one dataset."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.artifact import whole
from engine.data import dataset
from engine.data.columns import parsed
from engine.data.encoding import known
from engine.data.fetch import fetched
from engine.data.load import SAMPLES, load, load_questions, samples
from engine.data.records import Corpus, Question, fingerprint
from engine.data.split import split_questions
from engine.errors import ConfigError, DataError
from engine.progress import Report, silent
from jobs.kinds.fields import Frozen, Seed, choose
from jobs.running import Job
from jobs.workspace import artifact, checked_name, key, under_home
from storage import artifacts

TITLE = "Import"
ABOUT = "read documents and questions into a dataset"
MAKES = "dataset"
DEVICE = False
SHOWN_REJECTS = 5
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


class Spec(Frozen):
    """What to read."""

    documents: str = Field(
        "space",
        min_length=1,
        description="a file or folder of .md .txt .html .pdf .docx .csv .jsonl, SQuAD .json or .zip, or a "
        "sample: space, handbook; a web address where `url` is on",
        json_schema_extra=choose("documents"),
    )
    questions: str = Field(
        "", description="a file or folder of questions; else those that come with the documents"
    )
    name: str = Field("", description="the dataset's name; it is made of the documents' name if left out")
    columns: str = Field(
        "", description="which column is what, such as question=Frage,answers=Antwort; empty: by their names"
    )
    encoding: str = Field(
        "",
        max_length=40,
        description="encoding of the texts that are not UTF-8, such as cp1250; empty: guessed, and said so",
    )
    url: bool = Field(False, description="let `documents` be a web address (https://...), public ones only")
    seed: Seed = 0


def run(job: Job) -> str:
    """Read, divide and keep; the dataset is read back before it counts as made."""
    spec: Spec = job.spec
    name = checked_name(spec.name or name_of(spec.documents))
    corpus = read(spec, job.report)
    corpus = replace(corpus, questions=split_questions(corpus.questions, spec.seed))
    if corpus.questions:
        _check_testable(corpus.questions, spec.questions or spec.documents)
    more = [fingerprint(records) for records in (corpus.chats, corpus.pairs) if records]
    more += [fingerprint(map(asdict, corpus.notes))] if corpus.notes else []
    made_of = [name, fingerprint(corpus.documents), fingerprint(corpus.questions), *more]
    place = artifact(MAKES, key("dataset", *made_of))
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
    guessed = f", {len(corpus.notes)} files read by a guess" if corpus.notes else ""
    lost = f", {len(corpus.rejected)} rows or files not read" if corpus.rejected else ""
    count = {name: sum(one.split == name for one in corpus.questions) for name in ("dev", "test")}
    asked = f"{count['dev']} dev and {count['test']} test questions"
    job.say(f"{len(corpus.documents)} documents, {asked}{lost}{guessed}")
    for note in corpus.notes[:SHOWN_REJECTS]:
        job.tell(f"      {note.file}: {note.note}")
    for one in corpus.rejected[:SHOWN_REJECTS]:
        where = f"{one.file}, row {one.row}" if one.row else one.file
        job.tell(f"      not read: {where}: {one.reason}")
    if len(corpus.rejected) > SHOWN_REJECTS:
        job.tell(f"      and {len(corpus.rejected) - SHOWN_REJECTS} more; all are in the report")
    return under_home(place)


def read(spec: Spec, report: Report = silent) -> Corpus:
    """Documents and questions as they come. Raises DataError when there are no documents, chats or pairs."""
    told: dict[str, Any] = {"columns": parsed(spec.columns), "encoding": known(spec.encoding)}
    if spec.documents in SAMPLES:
        corpus = samples(spec.documents)
    elif _ADDRESS.match(spec.documents):
        if not spec.url:
            raise ConfigError(
                f"{spec.documents} is a web address, and reading from the web is off: switch `url` on, or "
                "download it and name the file."
            )
        with fetched(spec.documents) as file:
            corpus = load(file, **told, report=report)
    else:
        corpus = load(Path(spec.documents), **told, report=report)
    if spec.questions:
        asked = load_questions(Path(spec.questions), **told, report=report)
        corpus = replace(
            corpus,
            documents=corpus.documents or asked.documents,
            questions=asked.questions,
            rejected=corpus.rejected + asked.rejected,
            notes=corpus.notes + asked.notes,
        )
    if not (corpus.documents or corpus.chats or corpus.pairs):
        raise DataError(
            f"{spec.documents} holds questions but no documents: give the documents' folder in its place (in "
            "quickstart that is --documents) and these with --questions."
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
