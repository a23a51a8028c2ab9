"""An artefact is whole or not there, whatever happens to the process that writes it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import artifact
from engine.artifact import MANIFEST, read_lines, read_manifest, whole, write_json, write_lines, writing
from engine.errors import ArtifactError

ROOT = Path(__file__).parents[2]
# Writes a large artefact over and over; each has the same number in its manifest and in all its files.
WRITER = """
import sys
from collections.abc import Iterator
from pathlib import Path
from engine.artifact import writing
place = Path(sys.argv[1])
for number in range(1, 100_000):
    with writing(place, {"number": number}) as folder:
        for file in range(5):
            (folder / f"{file}.txt").write_text(f"{number}\\n" * 2000)
    print(number, flush=True)
"""


def make(place: Path, number: int) -> None:
    with writing(place, {"number": number}) as folder:
        (folder / "file.txt").write_text(str(number))


def content(place: Path) -> tuple[int, str]:
    return read_manifest(place)["number"], (place / "file.txt").read_text()


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# writing


def test_an_artefact_appears_whole_with_its_manifest_and_replaces_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "down" / "thing"
    make(place, 1)
    (place / "old file").write_text("")
    make(place, 2)
    assert content(place) == (2, "2") and whole(place)
    assert entries(place) == ["file.txt", MANIFEST] and entries(place.parent) == ["thing"]
    assert place.stat().st_mode & 0o777 == 0o755


def test_nothing_stands_at_its_place_until_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "thing"
    with writing(place, {}) as folder:
        assert folder.parent == tmp_path, "a rename across file systems is no rename"
        assert not place.exists() and not whole(place)
        assert not (folder / MANIFEST).exists()
    assert whole(place)


def test_the_manifest_may_be_filled_while_writing(tmp_path: Path) -> None:
    manifest: dict[str, object] = {"a": 1}
    with writing(tmp_path / "thing", manifest):
        manifest["b"] = "é"
    assert read_manifest(tmp_path / "thing") == {"a": 1, "b": "é"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_an_error_leaves_the_old_one_and_nothing_else(error: type[BaseException], tmp_path: Path) -> None:
    place = tmp_path / "thing"
    for before in ([], ["thing"]):
        with pytest.raises(error), writing(place, {"number": 2}) as folder:  # noqa: PT012
            (folder / "file.txt").write_text("half")
            raise error
        assert entries(tmp_path) == before
        make(place, 1)
    assert content(place) == (1, "1")


def test_a_manifest_that_is_no_json_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError), writing(tmp_path / "thing", {"a": object()}):
        pass
    assert entries(tmp_path) == []


# being killed


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_writer_leaves_the_old_one_or_the_new_one_whole(
    stop: signal.Signals, tmp_path: Path
) -> None:
    place = tmp_path / "thing"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for attempt in range(12):
        command = [sys.executable, "-c", WRITER, str(place)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "1"
        time.sleep(0.001 * attempt)
        child.send_signal(stop)
        said = [1, *map(int, child.communicate()[0].split())]
        assert child.returncode == -stop
        number = read_manifest(place)["number"]
        assert number in (said[-1], said[-1] + 1) and whole(place)
        assert entries(place) == [*(f"{file}.txt" for file in range(5)), MANIFEST]
        assert all((place / f"{file}.txt").read_text() == f"{number}\n" * 2000 for file in range(5))


# Kills itself before the n-th call that changes the disk.
KILLED = """
import os, shutil, signal, sys, tempfile
from collections.abc import Iterator
from pathlib import Path
from engine import artifact
left = int(sys.argv[2])
def deadly(done):
    def do(*args, **options):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return done(*args, **options)
    return do
steps = [(artifact, "write_json"), (Path, "rename"), (Path, "chmod"), (shutil, "rmtree")]
for owner, name in [*steps, (tempfile, "mkdtemp")]:
    setattr(owner, name, deadly(getattr(owner, name)))
with artifact.writing(Path(sys.argv[1]), {"number": 2}) as folder:
    (folder / "file.txt").write_text("2")
"""
BETWEEN_RENAMES = 5


def kill_writer(place: Path, step: int) -> None:
    command = [sys.executable, "-c", KILLED, str(place), str(step)]
    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert ran.returncode == -signal.SIGKILL


@pytest.mark.parametrize("step", range(8))
def test_a_writer_killed_at_any_step_leaves_one_of_the_two(step: int, tmp_path: Path) -> None:
    """Between its two renames there was neither: the old one stood aside and the next writing lost it."""
    place = tmp_path / "thing"
    make(place, 1)
    kill_writer(place, step)
    assert content(place) in [(1, "1"), (2, "2")] and whole(place)
    make(place, 3)
    assert content(place) == (3, "3")


@pytest.mark.parametrize("step", range(8))
def test_a_writer_killed_after_one_killed_between_its_renames_still_leaves_one(
    step: int, tmp_path: Path
) -> None:
    place = tmp_path / "thing"
    make(place, 1)
    kill_writer(place, BETWEEN_RENAMES)
    assert not place.exists(), "the step is no longer the one between the renames"
    kill_writer(place, step)
    assert content(place) in [(1, "1"), (2, "2")]


def test_what_killed_writers_left_is_swept_away_after_a_day(tmp_path: Path) -> None:
    old, fresh, other = (
        tmp_path / name for name in (".thing-abcdefgh", ".thing-stuvwxyz", ".thing-abcd-old")
    )
    for folder in (old, fresh, other):
        folder.mkdir()
    yesterday = time.time() - artifact.LEFTOVER_SECONDS - 60
    for folder in (old, other):
        os.utime(folder, (yesterday, yesterday))
    make(tmp_path / "thing", 1)
    assert entries(tmp_path) == [".thing-abcd-old", ".thing-stuvwxyz", "thing"]


# places that can't be written, and reading what is not whole


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_an_artifact_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(
        ArtifactError, match="Permission denied.*make the folder writable, or set BANTAM_HOME"
    ):
        make(tmp_path / "thing", 1)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("place", ["file/thing", "file/below/thing", "n" * 300])
def test_a_place_that_cannot_be_written_is_an_artifact_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        ArtifactError, match="cannot be written under .*make the folder writable, or set BANTAM_HOME"
    ):
        make(tmp_path / place, 1)
    assert entries(tmp_path) == ["file"]


def test_a_place_under_proc_is_an_artifact_error() -> None:
    with pytest.raises(ArtifactError, match="cannot be written under /proc"):
        make(Path("/proc/bantam/thing"), 1)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"a"', "\xff"])
def test_a_manifest_that_cannot_be_read_is_an_artifact_error(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"[Dd]elete .* make it again"):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_not_whole(tmp_path: Path) -> None:
    assert not whole(tmp_path) and not whole(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="nowhere has no readable manifest.json: it is not whole"):
        read_manifest(tmp_path / "nowhere")


def test_json_is_replaced_whole_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"b": 1, "a": "é"})
    assert file.read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_json(file, {"a": 2})
    assert json.loads(file.read_text()) == {"a": "é", "b": 1}


def test_rows_are_replaced_whole_or_kept(tmp_path: Path) -> None:
    """An export that was stopped left the first rows under the name of all."""

    def stopped() -> Iterator[dict[str, int]]:
        yield {"n": 3}
        raise KeyboardInterrupt

    file = tmp_path / "rows.jsonl"
    write_lines(file, [{"n": 1}, {"n": 2}])
    with pytest.raises(KeyboardInterrupt):
        write_lines(file, stopped())
    assert list(read_lines(file)) == [{"n": 1}, {"n": 2}]
