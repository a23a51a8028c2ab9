"""The runner `ray` on a real Ray of this machine: two jobs at once, artefacts through the depot, a worker
that is killed in the middle, a job that is cancelled."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage import jobs
from storage.db import connect
from tests.commands import ROOT, environment, run, write_material

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: requirements-ray.txt"
    ),
]


def free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray head of our own, with two processors to give; ended by its own process group."""
    folder, port = Path(tempfile.mkdtemp(prefix="ray-")), free()
    words = ["start", "--head", "--block", "--num-cpus=2", f"--port={free()}", "--dashboard-host=127.0.0.1"]
    words += [f"--dashboard-port={port}", f"--temp-dir={folder}", "--disable-usage-stats"]
    words += [f"--dashboard-agent-listen-port={free()}", "--object-store-memory=100000000"]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), *words],
        stdin=subprocess.DEVNULL,
        stdout=(folder / "said").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 240
    try:
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/api/version", timeout=5).read()
                break
            assert process.poll() is None and time.monotonic() < deadline, (folder / "said").read_text()
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def test_two_jobs_on_two_workers_come_back_whole(cluster: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    material = write_material(tmp_path)
    more = {"BANTAM_RAY": cluster, "BANTAM_ARTIFACTS": f"file://{tmp_path}/depot", "OMP_NUM_THREADS": "1"}

    def submit(kind: str, *words: str) -> str:
        ran = run("submit", kind, *words, "--runner", "ray", "--json", home=home, **more)
        assert ran.code == 0, ran.err
        return str(json.loads(ran.out)["id"])

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker", "--until-idle"],
            cwd=ROOT,
            env=environment(home, **more),
            stdin=subprocess.DEVNULL,
            stderr=(tmp_path / "worker.err").open("ab"),
        )

    def row(id: str) -> dict[str, object]:
        db = connect(home)
        found = jobs.get(db, id)
        db.close()
        assert found
        return found

    source = submit("import", "--set", f"documents={material.documents}", f"questions={material.questions}")
    first, second = (
        submit("index", "--set", f"dataset={source}", f"size={size}", "--needs", source) for size in (40, 96)
    )
    lost = submit("index", "--set", f"dataset={source}", "size=8000", "--needs", source)
    process = worker()
    deadline = time.monotonic() + 300
    while not (row(first)["remote"] and row(second)["remote"]):
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "worker.err").read_text()
        time.sleep(0.1)
    process.kill()
    process.wait(timeout=60)
    assert row(first)["state"] == row(second)["state"] == jobs.RUNNING, "they run on without their worker"
    assert worker().wait(timeout=400) == 0
    said = (tmp_path / "worker.err").read_text()
    for id in (first, second):
        done = row(id)
        assert (done["state"], done["attempts"], done["runner"]) == (jobs.DONE, 1, "ray"), (done, said)
        assert (home / str(done["artifact"]) / "manifest.json").is_file()
        assert (tmp_path / "depot" / "index" / Path(str(done["artifact"])).name / "manifest.json").is_file()
        assert done["progress"] and run("logs", id, home=home).out.startswith("--- attempt 1, on Ray as ")
    assert row(source)["runner"] == "local"
    failed = row(lost)
    assert failed["state"] == jobs.FAILED and "do not fit the embedder's window" in str(failed["error"])


def test_without_a_cluster_a_job_for_it_fails_with_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    id = json.loads(
        run(
            "submit", "index", "--set", "dataset=space", "--runner", "ray", "--json", home=home, BANTAM_RAY=""
        ).out
    )["id"]
    assert run("worker", "--until-idle", home=home, BANTAM_RAY="").code == 0
    db = connect(home)
    said = (jobs.get(db, id) or {})["error"]
    db.close()
    assert said.startswith("It asks for the runner ray, which is not set up here: set BANTAM_RAY")
