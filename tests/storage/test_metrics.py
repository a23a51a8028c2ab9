"""Numbers of many processes at once, curves drawn in the database, and workspaces of other versions."""

import math
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from storage import jobs, metrics
from storage.db import FILE, connect, fetch
from storage.migrations import FIRST

ROOT = Path(__file__).resolve().parents[2]
WRITERS, EACH = 8, 10_000


@pytest.fixture
def db(tmp_path: Path) -> Database:
    base = connect(tmp_path)
    jobs.start(base, "j", "train", "space", {})
    return base


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.sets(st.integers(0, 3000), min_size=1, max_size=300), points=st.integers(1, 50))
def test_a_curve_is_means_of_buckets_of_equal_width(db: Database, steps: set[int], points: int) -> None:
    db.execute("delete from metric")
    rng = random.Random(len(steps))
    values = {step: rng.uniform(-5, 5) for step in steps}
    metrics.record_many(db, "j", [("loss", step, value) for step, value in values.items()])
    first, width = min(steps), max(steps) - min(steps) + 1
    buckets: dict[int, list[int]] = {}
    for step in sorted(steps):
        buckets.setdefault(step if width <= points else (step - first) * points // width, []).append(step)
    found = metrics.curve(db, "j", "loss", points)
    assert [row["step"] for row in found] == [max(inside) for inside in buckets.values()]
    assert len(found) <= points
    for row, inside in zip(found, buckets.values(), strict=True):
        mine = [values[step] for step in inside]
        assert row["value"] == pytest.approx(sum(mine) / len(mine))
        assert (row["low"], row["high"], row["count"]) == (min(mine), max(mine), len(mine))


def test_what_is_no_number_is_left_out_of_a_curve(db: Database) -> None:
    metrics.record_many(db, "j", [("loss", 1, 2.0), ("loss", 2, math.nan), ("loss", 3, 4.0)])
    assert [(row["step"], row["value"]) for row in metrics.curve(db, "j", "loss")] == [(1, 2.0), (3, 4.0)]
    assert metrics.curve(db, "j", "other") == metrics.curve(db, "ghost", "loss") == []


def test_names_and_latest_values(db: Database) -> None:
    assert metrics.names(db, "j") == [] and metrics.latest(db, "j") == {}
    metrics.record_many(db, "j", [("loss", 1, 2.0), ("loss", 9, 1.0), ("loss", 3, 4.0), ("a", 0, 7.0)])
    metrics.record(db, "j", "z", 1, math.inf)
    assert metrics.names(db, "j") == ["a", "loss", "z"]
    assert metrics.latest(db, "j") == {"a": 7.0, "loss": 1.0, "z": None}


WRITER = """
import sys
from pathlib import Path
from storage import jobs, metrics
from storage.db import connect
home, name, each = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
db = connect(home)
jobs.start(db, name, "train", name, {})
for step in range(0, each, 10):
    metrics.record_many(db, name, [("loss", step + one, step + one) for one in range(10)])
jobs.finish(db, name)
"""


@pytest.mark.slow
def test_eight_processes_write_ten_thousand_numbers_each_while_one_reads(tmp_path: Path) -> None:
    connect(tmp_path).close()
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    children = [
        subprocess.Popen([*command, f"w{number}", str(EACH)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    db, looks, seen = connect(tmp_path), 0, 0
    while any(child.poll() is None for child in children):
        rows = jobs.listed(db)
        for row in rows:
            metrics.latest(db, row["id"])
            curve = metrics.curve(db, row["id"], "loss")
            assert len(curve) <= metrics.POINTS and [p["value"] for p in curve] == sorted(
                p["value"] for p in curve
            )
        total = fetch(db, "select count(*) as n from metric")[0]["n"]
        assert total >= seen, "what was written once stays"
        looks, seen = looks + 1, total
        time.sleep(0.05)
    for child in children:
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0, said
    assert looks > 1
    for number in range(WRITERS):
        found = metrics.series(db, f"w{number}", "loss")
        assert [(row["step"], row["value"]) for row in found] == [(step, float(step)) for step in range(EACH)]
    assert jobs.counts(db)[jobs.DONE] == WRITERS


@pytest.mark.slow
def test_a_million_numbers_are_looked_at_within_a_page(tmp_path: Path) -> None:
    """Processor time, which a busy machine does not change much."""
    db = connect(tmp_path)
    for number in range(20):
        jobs.start(db, f"j{number}", "train", "space", {})
        rows = ((name, step, step * 0.5) for name in ("loss", "learning_rate") for step in range(25_000))
        metrics.record_many(db, f"j{number}", rows)
    assert fetch(db, "select count(*) as n from metric")[0]["n"] == 1_000_000
    began = time.process_time()
    for number in range(10):
        metrics.latest(db, f"j{number}"), metrics.names(db, f"j{number}")
        assert len(metrics.curve(db, f"j{number}", "loss")) == metrics.POINTS
    assert time.process_time() - began < 10 * 0.3


def older(home: Path) -> None:
    """A workspace as the first released schema left it, with a job and its numbers."""
    file = sqlite3.connect(home / FILE)
    for statement in FIRST:
        file.execute(statement)
    file.execute("create table _sqlite_migrations (migration_set text, name text, applied_at text)")
    file.execute("insert into _sqlite_migrations values ('bantam', '0001_first', '2026-01-01')")
    file.execute(
        "insert into job (id, kind, name, spec, state, created_at, attempts)"
        " values ('quickstart-space', 'quickstart', 'space', '{\"k\": 3}', 'done', '2026-01-01', 2)"
    )
    file.executemany(
        "insert into metric values ('quickstart-space', 'loss', ?, ?, '2026-01-01')",
        [(step, step / 2) for step in range(100)],
    )
    file.commit()
    file.close()


def test_an_older_workspace_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    older(tmp_path)
    db = connect(tmp_path)
    row = jobs.get(db, "quickstart-space")
    assert row and (row["state"], row["attempts"], row["spec"], row["runner"]) == (
        "done",
        2,
        {"k": 3},
        "local",
    )
    assert row["progress"] is None and row["cancel_requested"] is False
    assert [row["value"] for row in metrics.series(db, "quickstart-space", "loss")] == [
        n / 2 for n in range(100)
    ]
    jobs.start(db, "quickstart-space", "quickstart", "space", {})
    db.execute("delete from job")
    assert metrics.series(db, "quickstart-space") == []
