"""The queue's statements: who gets which job, who may still write, what happens to those that can't run."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from storage import jobs, queue, workers
from storage.db import connect, writing

ROOT = Path(__file__).resolve().parents[2]
CPU = ("cpu",)
GPU = ("cuda", "cpu")
FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return connect(tmp_path)


def put(db: Database, id: str, **options: Any) -> str:
    queue.enqueue(db, id, "train", "space", {"k": 1}, **options)
    return id


def claimed(db: Database, lanes: tuple[str, ...] = CPU) -> str | None:
    row = queue.claim(db, lanes)
    return row and row["id"]


def state(db: Database, id: str) -> str:
    return str((jobs.get(db, id) or {})["state"])


def test_jobs_run_in_the_order_they_came_higher_priorities_first(db: Database) -> None:
    for id, priority in (("a", 0), ("b", 0), ("c", 5), ("d", -1), ("e", 5)):
        put(db, id, priority=priority)
    order = []
    while (row := queue.claim(db, CPU)) is not None:
        assert (row["state"], row["attempts"], row["lane"]) == (jobs.RUNNING, 1, "cpu")
        order.append(row["id"])
        jobs.finish(db, row["id"])
    assert order == ["c", "e", "a", "b", "d"]


def test_a_device_runs_one_job_at_a_time(db: Database) -> None:
    for id, device in (("a", "auto"), ("b", "cuda"), ("c", "cpu"), ("d", "auto")):
        put(db, id, device=device)
    assert claimed(db, GPU) == "a" and (jobs.get(db, "a") or {})["lane"] == "cuda"
    assert claimed(db, GPU) == "c", "b waits for the card that a has"
    assert claimed(db, GPU) is None
    jobs.finish(db, "a")
    assert claimed(db, GPU) == "b" and claimed(db, GPU) is None


def test_a_job_for_a_device_that_is_not_here_is_not_taken(db: Database) -> None:
    put(db, "a", device="cuda")
    assert claimed(db, CPU) is None and state(db, "a") == jobs.QUEUED


def test_a_job_waits_until_all_it_needs_is_done(db: Database) -> None:
    put(db, "a"), put(db, "b"), put(db, "c", needs=["a", "b"], priority=9)
    assert claimed(db) == "a"
    jobs.finish(db, "a")
    assert claimed(db) == "b"
    jobs.finish(db, "b")
    assert claimed(db) == "c"


def test_what_needs_a_job_that_failed_is_named_with_the_reason(db: Database) -> None:
    put(db, "a"), put(db, "b", needs=["a"]), put(db, "c", needs=["b"]), put(db, "d")
    claimed(db)
    jobs.fail(db, "a", "no memory")
    (row,) = queue.lost(db)
    assert row["id"] == "b" and row["blocked"] == {"id": "a", "state": "failed", "error": "no memory"}
    queue.refuse(db, "b", "because of a")
    (row,) = queue.lost(db)
    assert row["id"] == "c" and row["blocked"]["error"] == "because of a"
    assert [row["id"] for row in queue.waiting(db)] == ["c", "d"]


def test_a_need_that_was_deleted_does_not_hold_a_job_for_ever(db: Database) -> None:
    put(db, "a", needs=["ghost"])
    assert claimed(db) is None
    assert [row["blocked"]["state"] for row in queue.lost(db)] == [None]


def test_only_the_latest_claim_may_write(db: Database) -> None:
    put(db, "a")
    first = queue.claim(db, CPU)
    assert first and queue.register(db, "a", first["claims"], 11, 1.0)
    queue.give_back(db, "a", first["claims"], "gone", started=True)
    assert state(db, "a") == jobs.INTERRUPTED
    queue.revive(db, ["train"])
    second = queue.claim(db, CPU)
    assert second and second["attempts"] == 2
    assert not queue.register(db, "a", first["claims"], 12, 2.0)
    assert queue.beat(db, "a", first["claims"], {"done": 1}) is None
    assert jobs.end(db, "a", jobs.DONE, claim=first["claims"])["state"] == jobs.RUNNING
    assert queue.give_back(db, "a", first["claims"], "late", started=True)["state"] == jobs.RUNNING
    assert jobs.end(db, "a", jobs.DONE, claim=second["claims"], artifact="x/y")["artifact"] == "x/y"


def test_a_claim_that_was_never_started_costs_no_attempt_unless_a_process_is_there(db: Database) -> None:
    put(db, "a", max_attempts=1)
    row = queue.claim(db, CPU)
    assert row
    queue.give_back(db, "a", row["claims"], "no process", started=False)
    queue.revive(db, ["train"])
    assert (jobs.get(db, "a") or {})["attempts"] == 0
    row = queue.claim(db, CPU)
    assert row and queue.register(db, "a", row["claims"], 5, 1.0)
    queue.give_back(db, "a", row["claims"], "no process", started=False)
    assert state(db, "a") == jobs.RUNNING, "its process registered in this moment"


def test_attempts_end_and_resume_starts_counting_again(db: Database) -> None:
    put(db, "a", max_attempts=2)
    for wanted in (jobs.QUEUED, jobs.FAILED):
        row = queue.claim(db, CPU)
        assert row
        queue.give_back(db, "a", row["claims"], "killed", started=True)
        queue.revive(db, ["train"])
        assert state(db, "a") == wanted
    assert queue.requeue(db, "a") and not queue.requeue(db, "a")
    row = queue.claim(db, CPU)
    assert row and (row["attempts"], row["error"]) == (1, None)


def test_what_runs_in_the_foreground_is_not_revived(db: Database) -> None:
    jobs.start(db, "q", "quickstart", "space", {})
    jobs.interrupt(db, "q", "Ctrl-C")
    queue.revive(db, ["train"])
    assert state(db, "q") == jobs.INTERRUPTED


def test_cancelling_ends_what_waits_and_asks_what_runs(db: Database) -> None:
    put(db, "a"), put(db, "b")
    row = queue.claim(db, CPU)
    assert row
    assert (queue.request_cancel(db, "b") or {})["state"] == jobs.CANCELLED
    running = queue.request_cancel(db, "a")
    assert running and running["state"] == jobs.RUNNING and running["cancel_requested"] is True
    beaten = queue.beat(db, "a", row["claims"])
    assert beaten and beaten["cancel_requested"] is True
    asked = running["cancel_at"]
    assert (queue.request_cancel(db, "a") or {})["cancel_at"] == asked, (
        "the deadline counts from the first time"
    )
    assert queue.give_back(db, "a", row["claims"], "killed", started=True)["state"] == jobs.CANCELLED
    assert queue.request_cancel(db, "ghost") is None


def test_an_ended_job_is_not_cancelled(db: Database) -> None:
    put(db, "a"), claimed(db), jobs.finish(db, "a")
    assert (queue.request_cancel(db, "a") or {})["state"] == jobs.DONE


def test_a_job_that_is_needed_or_runs_is_not_deleted(db: Database) -> None:
    put(db, "a"), put(db, "b", needs=["a"])
    assert not queue.delete(db, "a")
    claimed(db), jobs.finish(db, "a")
    assert not queue.delete(db, "a")
    queue.request_cancel(db, "b")
    assert queue.delete(db, "a") and jobs.get(db, "a") is None
    assert not queue.delete(db, "a")


def test_take_runs_one_job_here_and_now(db: Database) -> None:
    put(db, "a"), put(db, "b", needs=["a"])
    assert queue.take(db, "b") is None, "what it needs is not done"
    row = queue.take(db, "a")
    assert row and row["state"] == jobs.RUNNING and queue.take(db, "a") is None


def test_progress_is_kept_and_null_progress_leaves_it(db: Database) -> None:
    put(db, "a")
    row = queue.claim(db, CPU)
    assert row and row["progress"] is None
    queue.beat(db, "a", row["claims"], {"stage": "train", "done": 1, "eta": float("nan")})
    after = queue.beat(db, "a", row["claims"])
    assert after and after["progress"] == {"stage": "train", "done": 1, "eta": None}


@FAST
@given(seed=st.integers(0, 10_000))
def test_whatever_happens_no_job_is_lost_and_a_device_has_one(tmp_path: Path, seed: int) -> None:
    """Random steps of two workers, children that die, people that cancel and resume."""
    rng = random.Random(seed)
    db = connect(tmp_path / str(seed))
    ids: list[str] = []
    for step in range(60):
        running = jobs.listed(db, state=jobs.RUNNING)
        what = rng.choice(["put", "claim", "finish", "fail", "die", "lose", "cancel", "resume", "revive"])
        if what == "put":
            needs = rng.sample(ids, min(len(ids), rng.choice([0, 0, 1, 2])))
            ids.append(put(db, f"j{step}", needs=needs, max_attempts=2, device=rng.choice(["auto", "cpu"])))
        elif what == "claim":
            queue.claim(db, GPU)
        elif what == "revive":
            queue.revive(db, ["train"])
            for row in queue.lost(db):
                queue.refuse(db, row["id"], "lost")
        elif what in ("cancel", "resume") and ids:
            {"cancel": queue.request_cancel, "resume": queue.requeue}[what](db, rng.choice(ids))
        elif running:
            row = rng.choice(running)
            if what == "finish":
                jobs.end(db, row["id"], jobs.DONE, claim=row["claims"])
            elif what == "fail":
                jobs.end(db, row["id"], jobs.FAILED, "x", claim=row["claims"])
            elif what in ("die", "lose"):
                queue.give_back(db, row["id"], row["claims"], "x", started=what == "die")
        rows = jobs.listed(db, limit=1000)
        assert {row["id"] for row in rows} == set(ids)
        lanes = [row["lane"] for row in rows if row["state"] == jobs.RUNNING]
        assert len(lanes) == len(set(lanes))
        assert all(row["attempts"] <= row["max_attempts"] for row in rows)
        done = {row["id"] for row in rows if row["state"] == jobs.DONE}
        assert all(set(row["needs"]) <= done for row in rows if row["state"] in (jobs.RUNNING, jobs.DONE))
    db.close()


def test_four_processes_share_eighty_jobs_without_a_double(tmp_path: Path) -> None:
    db = connect(tmp_path)
    with writing(db):
        for number in range(80):
            put(db, f"j{number}", device=f"d{number % 4}")
    script = (
        "import sys; from pathlib import Path\n"
        "from storage import jobs, queue; from storage.db import connect\n"
        "db = connect(Path(sys.argv[1])); lanes = ['d0', 'd1', 'd2', 'd3']; idle = 0\n"
        "while idle < 15:\n"
        "    row = queue.claim(db, lanes)\n"
        "    if row is None: idle += 1; continue\n"
        "    idle = 0; print(row['id']); jobs.end(db, row['id'], jobs.DONE, claim=row['claims'])\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    taken = [line for child in children for line in child.communicate(timeout=120)[0].split()]
    assert sorted(taken) == sorted({row["id"] for row in jobs.listed(db, limit=1000)})
    assert jobs.counts(db)[jobs.DONE] == 80


def test_pages_of_a_thousand_jobs(db: Database) -> None:
    with writing(db):
        for number in range(1000):
            put(
                db,
                f"j{number:04}",
                at=f"2026-01-01T00:00:00.{number:06}Z",
                parent="p" if number < 7 else None,
            )
    assert [row["id"] for row in jobs.listed(db, limit=3, offset=1)] == ["j0998", "j0997", "j0996"]
    assert len(jobs.listed(db, parent="p")) == 7
    assert jobs.counts(db)[jobs.QUEUED] == 1000 and jobs.counts(db, kind="index")[jobs.QUEUED] == 0
    began = time.process_time()
    for _ in range(10):
        jobs.listed(db, limit=50, offset=500), jobs.counts(db), jobs.unfinished(db)
    assert time.process_time() - began < 10 * 0.3, "a page has 300 ms in all"


def test_the_worker_announces_itself_and_leaves(db: Database) -> None:
    assert workers.current(db) is None
    workers.announce(db, 7, 1.5, ["cuda", "cpu"])
    workers.beat(db)
    row = workers.current(db)
    assert row and (row["pid"], row["devices"]) == (7, ["cuda", "cpu"])
    workers.leave(db, 8)
    assert workers.current(db) is not None, "another process's leaving is not this one's"
    workers.leave(db, 7)
    assert workers.current(db) is None
