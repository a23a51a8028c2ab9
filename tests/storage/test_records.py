"""Jobs, metrics, artefacts, answers: what is written is read, and a stage that runs again leaves one."""

import math
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlite_utils import Database

from storage import answers, artifacts, jobs, metrics
from storage.db import connect
from storage.errors import StorageError

FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MORNING, NOON, NIGHT = (f"2026-01-01T{hour}:00:00.000000Z" for hour in ("08", "12", "22"))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return connect(tmp_path)


@pytest.fixture
def job(db: Database) -> str:
    return str(jobs.start(db, "job-1", "quickstart", "space", {"seed": 0}, at=MORNING)["id"])


# Jobs


def test_a_job_runs_and_ends(db: Database) -> None:
    row = jobs.start(
        db, "j", "quickstart", "space", {"k": [1]}, pid=42, pid_created=1.5, needs=["i"], at=MORNING
    )
    assert (row["state"], row["attempts"], row["spec"], row["needs"]) == (jobs.RUNNING, 1, {"k": [1]}, ["i"])
    assert (row["pid"], row["pid_created"], row["created_at"], row["ended_at"]) == (42, 1.5, MORNING, None)
    row = jobs.finish(db, "j", at=NOON)
    assert (row["state"], row["ended_at"], row["error"]) == (jobs.DONE, NOON, None)
    assert jobs.get(db, "j") == row


def test_a_failed_or_interrupted_job_starts_again_clean(db: Database) -> None:
    jobs.start(db, "j", "quickstart", "space", {}, pid=1, at=MORNING)
    assert jobs.fail(db, "j", "no memory")["error"] == "no memory"
    row = jobs.start(db, "j", "quickstart", "space", {"smaller": True}, pid=2, at=NOON)
    assert (row["attempts"], row["error"], row["ended_at"], row["pid"]) == (2, None, None, 2)
    assert (row["created_at"], row["started_at"], row["spec"]) == (MORNING, NOON, {"smaller": True})
    assert jobs.interrupt(db, "j")["state"] == jobs.INTERRUPTED
    assert jobs.start(db, "j", "quickstart", "space", {})["attempts"] == 3


def test_a_running_job_is_not_started_twice(db: Database, job: str) -> None:
    jobs.start(db, "other", "quickstart", "space", {}, pid=77)
    with pytest.raises(StorageError, match=r"already running \(process 77\)"):
        jobs.start(db, "other", "quickstart", "space", {"changed": 1}, pid=78)
    assert (jobs.get(db, "other") or {})["pid"] == 77


def test_what_ended_stays_ended(db: Database, job: str) -> None:
    jobs.finish(db, job)
    assert jobs.interrupt(db, job)["state"] == jobs.DONE
    assert jobs.fail(db, job, "late")["error"] is None


def test_ending_an_unknown_job_says_so(db: Database) -> None:
    with pytest.raises(StorageError, match="no job 'ghost'"):
        jobs.finish(db, "ghost")
    assert jobs.get(db, "ghost") is None


def test_latest_is_by_creation_and_can_ask_for_kind_and_state(db: Database) -> None:
    for id, kind, at in (("a", "quickstart", NOON), ("b", "train", MORNING), ("c", "train", NIGHT)):
        jobs.start(db, id, kind, "space", {}, at=at)
    jobs.finish(db, "a")
    assert (jobs.latest(db, "space") or {})["id"] == "c"
    assert (jobs.latest(db, "space", kind="quickstart") or {})["id"] == "a"
    assert (jobs.latest(db, "space", state=jobs.DONE) or {})["id"] == "a"
    assert jobs.latest(db, "handbook") is None


def test_an_unknown_state_cannot_be_stored(db: Database, job: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("update job set state = 'dun'")
    for state in jobs.STATES:
        db.execute("update job set state = ?", [state])


# Metrics


@FAST
@given(st.lists(st.tuples(st.sampled_from(["loss", "f1"]), st.integers(0, 5), st.floats()), max_size=12))
def test_the_last_value_of_a_step_stays(db: Database, values: list[tuple[str, int, float]]) -> None:
    jobs.start(db, job := f"j{len(list(db['job'].rows))}", "train", "n", {})
    half = len(values) // 2
    metrics.record_many(db, job, values[:half])
    metrics.record_many(db, job, values[half:])
    last = {(name, step): value for name, step, value in values}
    expected = [(*key, last[key] if math.isfinite(last[key]) else None) for key in sorted(last)]
    assert [(r["name"], r["step"], r["value"]) for r in metrics.series(db, job)] == expected
    losses = [r["value"] for r in metrics.series(db, job, "loss")]
    assert losses == [value for name, _, value in expected if name == "loss"]


def test_a_metric_of_no_job_is_refused(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        metrics.record(db, "ghost", "loss", 1, 0.5)


def test_a_deleted_job_takes_its_numbers_and_answers_along(db: Database, job: str) -> None:
    metrics.record(db, job, "loss", 1, 0.5)
    answers.record(db, job, "RAG", [answer("q")])
    db.execute("delete from job")
    assert metrics.series(db, job) == [] and answers.read(db, job) == []


# Artefacts


def dataset(db: Database, id: str = "d", **changes: Any) -> dict[str, Any]:
    values = {
        "name": "space",
        "fingerprint": "f",
        "documents": 3,
        "questions": 2,
        "path": "artifacts/dataset/d",
    }
    return artifacts.record_dataset(db, id=id, **{**values, **changes})


def test_datasets_are_found_by_all_that_is_asked(db: Database) -> None:
    dataset(db, "old", at=MORNING)
    rejected = [{"file": "a.md", "row": 0, "reason": "empty"}]
    new = dataset(db, "new", at=NOON, rejected=rejected)
    dataset(db, "other", fingerprint="g", at=NIGHT)
    assert new["rejected"] == rejected
    assert artifacts.find_dataset(db, fingerprint="f") == new
    assert (artifacts.find_dataset(db, id="old") or {})["created_at"] == MORNING
    assert (artifacts.find_dataset(db, name="space") or {})["id"] == "other"
    assert artifacts.find_dataset(db, id="old", fingerprint="g") is None


def test_recording_again_replaces_even_what_others_point_at(db: Database) -> None:
    dataset(db, at=MORNING)
    manifest = {"embedder": "minilm", "top_k": 3}
    row = artifacts.record_index(db, id="i", dataset_id="d", fingerprint="x", path="p", manifest=manifest)
    assert row["manifest"] == manifest
    assert dataset(db, documents=9, at=NOON)["documents"] == 9
    assert len(list(db["dataset"].rows)) == 1
    artifacts.record_index(db, id="i", dataset_id="d", fingerprint="y", path="p", manifest={})
    assert artifacts.find_index(db, fingerprint="x") is None
    assert (artifacts.find_index(db, dataset_id="d") or {})["fingerprint"] == "y"


def test_an_index_needs_its_dataset(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        artifacts.record_index(db, id="i", dataset_id="ghost", fingerprint="x", path="p", manifest={})


def test_models_are_base_or_adapter(db: Database) -> None:
    for id, kind in (("m", artifacts.BASE), ("m-lora", artifacts.ADAPTER)):
        artifacts.record_model(
            db, id=id, name="m", base="m", kind=kind, path="p", manifest={"r": 16}, at=NOON
        )
    assert (artifacts.find_model(db, name="m", kind="base") or {})["id"] == "m"
    assert (artifacts.find_model(db, base="m") or {})["id"] == "m-lora"
    with pytest.raises(sqlite3.IntegrityError):
        artifacts.record_model(db, id="x", name="m", base="m", kind="full", path="p", manifest={})


# Answers


@dataclass(frozen=True)
class Inner:
    parts: dict[str, Any]
    ms: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outer:
    verdict: Inner | None
    path: Path = Path("a/b")


class Spec(BaseModel):
    k: int = 3


def answer(id: str, **changes: Any) -> dict[str, Any]:
    return {"question_id": id, "question": "?", "golds": ("a",), "answer": "a", "refused": False, **changes}


scores = st.none() | st.floats(0, 1)
rows = st.lists(
    st.builds(
        answer,
        st.text(max_size=5).map(lambda text: text.encode("utf-8", "ignore").decode()),
        golds=st.lists(st.sampled_from(["a", "b'\"", "\u00e9\n"]), max_size=3),
        refused=st.booleans(),
        em=scores,
        f1=scores,
        citation_ok=scores,
        output_tokens=st.none() | st.integers(0, 999),
    ),
    max_size=6,
)


@FAST
@given(first=rows, second=rows)
def test_a_resumed_arm_leaves_its_last_answers_only(
    db: Database, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    jobs.start(db, job := f"j{len(list(db['job'].rows))}", "quickstart", "n", {})
    answers.record(db, job, "LoRA", [answer("kept")])
    answers.record(db, job, "RAG", first)
    assert answers.record(db, job, "RAG", second) == len(second)
    read = answers.read(db, job, "RAG")
    assert [{key: row[key] for key in wanted} for row, wanted in zip(read, second, strict=True)] == second
    assert answers.arms(db, job) == ["LoRA", "RAG"][: 1 + bool(second)]
    assert answers.read(db, job)[0]["question_id"] == "kept"


def test_arms_that_are_not_kept_go_and_other_jobs_stay(db: Database, job: str) -> None:
    jobs.start(db, "other", "quickstart", "n", {})
    for name in (job, "other"):
        for arm in ("Baseline", 'it\'s, an "arm"', "RAG"):
            answers.record(db, name, arm, [answer("q")])
    answers.keep_only(db, job, ['it\'s, an "arm"', "Baseline", "Large"])
    assert answers.arms(db, job) == ["Baseline", 'it\'s, an "arm"']
    assert len(answers.arms(db, "other")) == 3
    answers.keep_only(db, job, [])
    assert answers.arms(db, job) == []


def test_traces_of_dataclasses_models_and_numpy_come_back_as_plain_data(db: Database, job: str) -> None:
    trace = {
        "outer": Outer(Inner({"coverage": math.nan, "reader": np.float32(0.5)}, (1.0, math.inf))),
        "spec": Spec(),
        "count": np.int64(3),
        "flag": np.bool_(True),
    }
    answers.record(db, job, "RAG", [answer("q", trace=trace, f1=np.float32(0.25), em=math.nan)])
    (row,) = answers.read(db, job)
    assert row["trace"] == {
        "outer": {"verdict": {"parts": {"coverage": None, "reader": 0.5}, "ms": [1.0, None]}, "path": "a/b"},
        "spec": {"k": 3},
        "count": 3,
        "flag": True,
    }
    assert (row["f1"], row["em"], row["refused"]) == (0.25, None, False)


def test_one_bad_answer_leaves_the_old_ones(db: Database, job: str) -> None:
    answers.record(db, job, "RAG", [answer("old")])
    for bad, error in (({"question_id": "x"}, KeyError), (answer("x", colour=1), ValueError)):
        with pytest.raises(error):
            answers.record(db, job, "RAG", [answer("new"), bad])
    with pytest.raises(sqlite3.IntegrityError):
        answers.record(db, "ghost", "RAG", [answer("new")])
    assert [row["question_id"] for row in answers.read(db, job)] == ["old"]
