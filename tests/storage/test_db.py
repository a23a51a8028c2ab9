"""Opening lab.db: fresh, again, by two processes at once, and when something is wrong with it."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from storage import jobs
from storage.db import FILE, connect, fetch, now, to_json, writing
from storage.errors import StorageError
from storage.migrations import migrations

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"job", "metric", "dataset", "index_", "model", "answer", "vote"}
STEPS = len(migrations.pending(Database(memory=True, execute_plugins=False)))


def test_a_fresh_workspace_gets_every_table_once(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there yet"
    for _ in range(2):
        db = connect(home)
        assert set(db.table_names()) >= TABLES
        assert len(fetch(db, "select name from _sqlite_migrations")) == STEPS
        db.close()


def test_connections_wait_and_hold_foreign_keys(tmp_path: Path) -> None:
    db = connect(tmp_path)
    pragmas = [db.conn.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]
    assert pragmas == ["wal", 1]
    assert db.conn.execute("pragma busy_timeout").fetchone()[0] == 10_000


def test_processes_that_open_a_fresh_database_at_once_all_succeed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from storage import jobs; from storage.db import connect\n"
        "home, name = Path(sys.argv[1]), sys.argv[2]\n"
        "(home / f'ready-{name}').touch()\n"
        "while len(list(home.glob('ready-*'))) < 3: time.sleep(0.001)\n"
        "db = connect(home); jobs.start(db, name, 'test', name, {})\n"
        "jobs.finish(db, name); db.close()\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), name], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for name in ("a", "b", "c")
    ]
    for child in children:
        _, error = child.communicate(timeout=60)
        assert child.returncode == 0, error
    db = connect(tmp_path)
    assert fetch(db, "select id, state from job order by id") == [{"id": i, "state": "done"} for i in "abc"]
    assert len(fetch(db, "select name from _sqlite_migrations")) == STEPS


def test_a_fresh_database_that_another_writes_is_waited_for(tmp_path: Path) -> None:
    # SQLite says "locked" at once, whatever the timeout, while a file that is not in WAL yet is being
    # written.
    other = sqlite3.connect(tmp_path / FILE, check_same_thread=False, isolation_level=None)
    other.execute("begin immediate")
    other.execute("create table elsewhere (x)")
    release = threading.Timer(0.15, other.execute, ["commit"])
    release.start()
    assert set(connect(tmp_path).table_names()) >= TABLES
    release.join()


def test_a_workspace_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be made .*choose a folder"):
        connect(tmp_path / "file" / "home")
    (tmp_path / FILE).mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        connect(tmp_path)


NO_DATABASES = [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4080]


@pytest.mark.parametrize("content", NO_DATABASES)
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StorageError, match="move it away"):
        connect(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_damage_found_while_reading_says_so(tmp_path: Path) -> None:
    db = connect(tmp_path)
    with writing(db):
        for number in range(200):
            jobs.start(db, f"job-{number}", "test", "n" * 200, {})
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    with pytest.raises(StorageError, match="damaged"):
        fetch(connect(tmp_path), "select * from job order by spec")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    db = connect(tmp_path)
    db.execute(
        "insert into _sqlite_migrations (migration_set, name, applied_at)"
        " values ('bantam', '0999_future', ?)",
        [now()],
    )
    db.close()
    with pytest.raises(StorageError, match="newer Bantam .*0999_future.*update"):
        connect(tmp_path)


def test_a_database_of_someone_else_is_refused_and_unchanged(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("create table job (x)")
    other.commit()
    with pytest.raises(StorageError, match="did not make"):
        connect(tmp_path)
    assert other.execute("select name from sqlite_master where type = 'table'").fetchall() == [("job",)]


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    db = connect(tmp_path)
    with pytest.raises(KeyboardInterrupt), writing(db):  # noqa: PT012
        jobs.start(db, "a", "test", "a", {})
        raise KeyboardInterrupt
    assert jobs.get(db, "a") is None
    jobs.start(db, "a", "test", "a", {})
    assert jobs.get(connect(tmp_path), "a") is not None


def test_writing_waits_for_nobody_forever(tmp_path: Path) -> None:
    holder, db = connect(tmp_path), connect(tmp_path)
    db.execute("pragma busy_timeout = 50")
    with writing(holder):
        with pytest.raises(StorageError, match="in use by another process"):
            jobs.start(db, "a", "test", "a", {})
        assert fetch(db, "select * from job") == []
    jobs.start(db, "a", "test", "a", {})


def test_a_full_or_read_only_disk_says_so(tmp_path: Path) -> None:
    db = connect(tmp_path)
    db.execute("pragma max_page_count = 1")
    with pytest.raises(StorageError, match="full"):
        jobs.start(db, "a", "test", "a", {"text": "x" * 1_000_000})
    db.execute("pragma query_only = on")
    with pytest.raises(StorageError, match="cannot be written"):
        jobs.start(db, "b", "test", "b", {})
    assert fetch(db, "select * from job") == []


def test_times_are_utc_and_sort_as_text() -> None:
    times = [now() for _ in range(50)]
    assert times == sorted(times)
    assert all(len(time) == 27 and time.endswith("Z") for time in times)


def test_what_is_not_json_is_a_bug_and_nan_is_null() -> None:
    assert to_json({"a": float("nan"), "b": (1, 2), "c": Path("x")}) == '{"a": null, "b": [1, 2], "c": "x"}'
    with pytest.raises(TypeError):
        to_json(object())
