"""The page bench measures the pages it names on a workspace as large as it was asked for."""

from pathlib import Path

import pytest

from app import bench
from app.frame import PAGES
from storage import jobs, metrics
from storage.db import connect


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    bench.fill(tmp_path, 20, 1_000)
    return tmp_path


def test_the_workspace_has_what_was_asked_for(home: Path) -> None:
    db = connect(home)
    assert sum(jobs.counts(db).values()) == 20 + 1, "and the experiment's own"
    assert sum(len(metrics.series(db, row["id"])) for row in jobs.listed(db, limit=99)) >= 1_000


def test_every_page_of_the_lab_is_measured(home: Path) -> None:
    assert set(bench.PAGES) == set(PAGES)
    assert all(seconds > 0 for seconds in bench.reruns("jobs", 2))
