"""What is trained on and what is tested with, through the kinds that do it: a test that was trained on is
refused, wherever it was trained on."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import writing
from engine.data import dataset
from engine.data.records import Corpus, Mark, Question
from engine.errors import ConfigError, DataError
from jobs import foreground, material, references
from jobs.kinds import train
from jobs.workspace import artifact, home
from storage import artifacts
from storage import jobs as rows
from storage.db import connect
from tests.corpus import DOCUMENTS, QUESTIONS

ASKED = tuple(question for question in QUESTIONS if question.answers)
TRAIN = tuple(replace(question, split="train") for question in ASKED[:2])
TEST = tuple(replace(question, split="test") for question in ASKED[2:])


@pytest.fixture(scope="module")
def corpus_index() -> Any:
    """The corpus, indexed."""
    from engine.retrieval.index import build

    return build(DOCUMENTS, size=64)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))


def keep(name: str, questions: tuple[Question, ...]) -> Path:
    """A dataset of the corpus with these questions."""
    place = artifact("dataset", name)
    made = dataset.save(place, Corpus(DOCUMENTS, questions), {"name": name})
    told = {key: made[key] for key in ("fingerprint", "documents", "questions")}
    artifacts.record_dataset(connect(home()), id=name, name=name, path=f"artifacts/dataset/{name}", **told)
    return place


def write(name: str, questions: tuple[Question, ...], source: str = "d") -> Path:
    """Written questions, as the kinds that write them keep them."""
    place = artifact("questions", name)
    with writing(place, {"kind": "questions", "counts": {}, "reworded": {}, "dataset": source}) as folder:
        material.save_questions(folder / material.FILE, questions)
    return place


def test_own_train_questions_are_trained_on_beside_written_ones(corpus_index: Any) -> None:
    bare = tuple(replace(question, evidence="") for question in TRAIN)
    source = keep("d", (*bare, *TEST))
    assert material.training(source, None, corpus_index) == (TRAIN, 0)
    more = replace(ASKED[0], id="w", question="Written for this?")
    assert material.training(source, write("w", (more,)), corpus_index) == ((*TRAIN, more), 0)


def test_what_is_like_a_dev_or_test_question_is_not_trained_on(corpus_index: Any) -> None:
    like = replace(
        TRAIN[0], id="like", question=TRAIN[0].question.replace("person to walk", "person who walked")
    )
    source = keep("d", (*TRAIN, replace(like, split="dev"), *TEST))
    learned = material.training(source, None, corpus_index)
    assert learned == (TRAIN[1:], 1) and learned.note().startswith("; 1 questions left out")
    with pytest.raises(DataError, match="All 1 questions to train on are like one of dev or test"):
        material.training(keep("e", (TRAIN[0], replace(like, split="dev"), *TEST)), None, corpus_index)


def test_a_test_split_that_was_changed_is_refused(corpus_index: Any) -> None:
    file = keep("d", (*TRAIN, *TEST)) / dataset.QUESTIONS
    foreground.run("index", {"dataset": "d"}, "d")
    file.write_text(file.read_text().replace(TEST[0].answers[0], "another answer"))
    for kind in ("train", "evaluate"):
        with pytest.raises(DataError, match="The split 'test' is not the one that was frozen"):
            foreground.run(kind, {"dataset": "d"} | ({"arms": "rag"} if kind == "evaluate" else {}), "x")


def test_nothing_to_train_on_is_said(corpus_index: Any) -> None:
    with pytest.raises(DataError, match="nothing to train on in the dataset 'd'"):
        material.training(keep("d", TEST), None, corpus_index)
    nowhere = replace(TRAIN[0], document=None, evidence="")
    with pytest.raises(DataError, match="None of the 1 train questions can be trained on"):
        material.training(keep("e", (nowhere, *TEST)), None, corpus_index)


@pytest.mark.parametrize("where", ["its own rows", "written rows"])
def test_training_on_the_test_is_refused_before_anything_is_trained(where: str, corpus_index: Any) -> None:
    leaked = replace(TEST[0], id="leaked", question=f"  {TEST[0].question.upper()}", split="train")
    own = (*TRAIN, leaked) if where == "its own rows" else TRAIN
    place = keep("d", (*own, *TEST))
    foreground.run("index", {"dataset": "d"}, "d")
    fields: dict[str, Any] = {"dataset": "d"}
    if where == "written rows":
        write("w", (leaked,), place.name)
        fields["questions"] = "w"
    with pytest.raises(
        DataError, match=f"1 of {len(TEST)} test questions were trained on, such as {TEST[0].id!r}"
    ):
        foreground.run("train", fields, "t")
    assert not list((home() / "artifacts").glob("adapter/*"))


def test_an_adapter_is_not_tested_with_what_another_dataset_trained_it_on(corpus_index: Any) -> None:
    keep("trained", (*TRAIN, *TEST))
    write("w", (replace(TRAIN[0], id="w", question="Written for this?"),), "trained")
    made = {"kind": "adapter", "base": "bantam-small", "dataset_id": "trained", "questions": "w"}
    with writing(artifact("adapter", "a"), made):
        pass
    keep("clean", TEST)
    fields = {"dataset": "clean", "adapter": "a", "arms": "lora"}
    adapter = artifact("adapter", "a")
    assert material.check_unseen(adapter, TEST, artifact("dataset", "clean")) == 0
    near = replace(TEST[0], question=TRAIN[0].question.replace("person to walk", "person who walked"))
    assert material.check_unseen(adapter, (near,), artifact("dataset", "clean")) == 1
    for number, question in enumerate((TRAIN[0].question, "written for THIS?")):
        name = f"mixed{number}"
        keep(name, (*TEST, replace(TEST[0], id="seen", question=question)))
        with pytest.raises(DataError, match="test questions were trained on, such as 'seen'"):
            foreground.run("evaluate", fields | {"dataset": name}, name)
    with writing(artifact("adapter", "b"), {"kind": "adapter", "base": "bantam-small"}):
        pass
    assert material.check_unseen(artifact("adapter", "b"), TRAIN, artifact("dataset", "clean")) == 0


def test_what_has_no_answer_is_held_out_by_its_own_words_not_all_together() -> None:
    numbers = range(60)
    nothing = tuple(Question(f"u{n}", f"Is number {n} not told here?", kind="unanswerable") for n in numbers)
    some = tuple(
        Question(f"a{n}", f"What is number {n}?", (f"a{n}",), "mars", f"Number {n} is a{n}.") for n in numbers
    )
    source = keep("d", ())
    sets = material.asked(source, write("w", (*nothing, *some)))
    held = {question.id for question in (*sets.dev, *sets.test)}
    for first in "ua":
        kept = [question for question in sets.training if question.id[0] == first]
        assert 30 < len(kept) < 60 and len(kept) + sum(name[0] == first for name in held) == 60
    lines = (artifact("questions", "w") / material.FILE).read_text().split("\n")
    assert json.loads(lines[0]) == json.loads(json.dumps(asdict(nothing[0])))


def test_the_latest_written_questions_are_found_whoever_wrote_them() -> None:
    source = keep("d", TEST)
    db = connect(home())
    assert references.find_written(db, "", source) is None
    with pytest.raises(ConfigError, match="synthesize or compose first"):
        references.find_questions(db, "", source)
    write("other", (), "elsewhere")
    assert references.find_written(db, "", source) is None
    inside = write("inside", (), "d")  # of an experiment: no job of its own
    assert references.find_questions(db, "", source) == inside
    for kind in ("synthesize", "compose"):
        place = write(kind, (), "d")
        rows.start(db, kind, kind, kind, {}, pid=1, pid_created=1.0)
        rows.finish(db, kind, artifact=f"artifacts/questions/{kind}")
        assert references.find_questions(db, "", source) == place
    assert references.find_questions(db, "inside", source) == inside


def test_questions_without_an_answer_that_a_tiny_model_is_not_trained_on_are_counted() -> None:
    nobody = (Question("n1", "Who was the cook?"), Question("n2", "Who was the dentist?"))
    assert train.unused("bantam-small", (*ASKED, *nobody)).startswith(
        "; 2 questions without an answer not used"
    )
    assert train.unused("smollm2-135m", (*ASKED, *nobody)) == train.unused("bantam-small", ASKED) == ""


def test_an_index_that_keeps_pages_comes_before_one_from_before_it_did() -> None:
    """Before: a dataset that was indexed anew for its pages was searched by the old one all the same."""
    marked = tuple(replace(document, marks=(Mark(0, 1),)) for document in DOCUMENTS)
    for name, documents in (("old", DOCUMENTS), ("new", marked)):
        made = dataset.save(artifact("dataset", name), Corpus(documents), {"name": name})
        told = {key: made[key] for key in ("fingerprint", "documents", "questions")}
        artifacts.record_dataset(
            connect(home()), id=name, name=name, path=f"artifacts/dataset/{name}", **told
        )
    old = foreground.run("index", {"dataset": "old"}, "old").place
    assert references.latest_index(connect(home()), artifact("dataset", "new")) == old
    new = foreground.run("index", {"dataset": "new"}, "new").place
    other = foreground.run("index", {"dataset": "new", "size": 64}, "new").place
    assert len({old, new, other}) == 3
    assert references.latest_index(connect(home()), artifact("dataset", "new")) == new
