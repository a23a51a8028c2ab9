"""The runner `ray` on a real Ray of this machine: two jobs at once, artefacts through the depot, a worker
that is killed in the middle, an adapter trained there, a training that is cancelled."""

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.artifact import writing
from engine.data.records import Question
from jobs.material import FILE, save_questions
from storage import jobs, metrics
from storage.db import connect
from tests.commands import ROOT, environment, run, write_material
from tests.jobs.kills import TRAINING, WRITTEN

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
    finally:  # it was asked to end, and took half a minute to wait for its own processes
        with suppress(psutil.NoSuchProcess):
            head = psutil.Process(process.pid)
            for one in (*head.children(recursive=True), head):
                one.kill()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Lab:
    """A workspace whose jobs may go to the cluster."""

    folder: Path
    more: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, *words: str) -> Any:
        ran = run(*words, "--json", home=self.home, **self.more)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def submit(self, kind: str, *words: str, runner: str = "ray") -> str:
        return str(self.run("submit", kind, *words, "--runner", runner)["id"])

    def worker(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker", "--until-idle"],
            cwd=ROOT,
            env=environment(self.home, **self.more),
            stdin=subprocess.DEVNULL,
            stderr=(self.folder / "worker.err").open("ab"),
        )

    def row(self, id: str) -> dict[str, Any]:
        db = connect(self.home)
        found = jobs.get(db, id)
        db.close()
        assert found
        return found

    def until(self, happened: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 300
        while not happened():
            assert process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        """What the worker said, and how each job ended."""
        db = connect(self.home)
        ended = [f"{row['id']} {row['state']} {row['error']}" for row in jobs.listed(db)]
        db.close()
        return "\n".join([(self.folder / "worker.err").read_text(), *ended])


@pytest.fixture
def lab(cluster: str, tmp_path: Path) -> Lab:
    (tmp_path / "home").mkdir()
    more = {"BANTAM_RAY": cluster, "BANTAM_ARTIFACTS": f"file://{tmp_path}/depot", "OMP_NUM_THREADS": "1"}
    return Lab(tmp_path, more)


def test_two_jobs_on_two_workers_come_back_whole(lab: Lab) -> None:
    material = write_material(lab.folder)
    source = lab.submit(
        "import", "--set", f"documents={material.documents}", f"questions={material.questions}"
    )
    first, second = (
        lab.submit("index", "--set", f"dataset={source}", f"size={size}", "--needs", source)
        for size in (40, 96)
    )
    lost = lab.submit("index", "--set", f"dataset={source}", "size=8000", "--needs", source)
    process = lab.worker()
    lab.until(lambda: lab.row(first)["remote"] and lab.row(second)["remote"], process)
    process.kill()
    process.wait(timeout=60)
    running = lab.row(first)["state"], lab.row(second)["state"]
    assert running == (jobs.RUNNING, jobs.RUNNING), "they run on without their worker"
    assert lab.worker().wait(timeout=400) == 0
    for id in (first, second):
        done = lab.row(id)
        assert (done["state"], done["attempts"], done["runner"]) == (jobs.DONE, 1, "ray"), (done, lab.said())
        name = Path(str(done["artifact"])).name
        assert (lab.home / str(done["artifact"]) / "manifest.json").is_file()
        assert (lab.folder / "depot" / "index" / name / "manifest.json").is_file()
        assert done["progress"] and run("logs", id, home=lab.home).out.startswith("--- attempt 1, on Ray as ")
    assert lab.row(source)["runner"] == "local"
    failed = lab.row(lost)
    assert failed["state"] == jobs.FAILED and "do not fit the embedder's window" in str(failed["error"])


def written_questions(home: Path) -> str:
    """Questions to train on, as if a job had written them; their id."""
    place = home / "artifacts" / "questions" / WRITTEN
    with writing(place, {"kind": "questions", "counts": {"kept": len(TRAINING)}, "seed": 0}) as folder:
        asked = [Question(f"w{n}", text, (gold,), None, "") for n, (text, gold) in enumerate(TRAINING)]
        save_questions(folder / FILE, asked)
    return WRITTEN


def test_training_comes_back_as_an_adapter_and_a_cancelled_one_is_stopped_there(
    lab: Lab, tiny_model: Callable[[str], Path]
) -> None:
    """The index is not named: its latest is looked up here, since the cluster knows of none."""
    material, model = write_material(lab.folder), tiny_model("smollm2")
    documents, questions = f"documents={material.documents}", f"questions={material.questions}"
    source = lab.submit("import", "--set", documents, questions, runner="local")
    index = lab.submit("index", "--set", f"dataset={source}", "--needs", source, runner="local")
    written = written_questions(lab.home)
    few = ("--set", f"dataset={source}", f"questions={written}", f"small={model}", "r=4", "batch=2", "k=2")
    short = lab.submit("train", *few, "epochs=1", "--needs", index)
    long = lab.submit("train", *few, "epochs=50", "seed=1", "--needs", index)
    process = lab.worker()
    lab.until(lambda: (lab.row(long)["progress"] or {}).get("stage") == "train", process)
    lab.run("cancel", long)
    assert process.wait(timeout=400) == 0, lab.said()
    stopped = lab.row(long)
    assert (stopped["state"], stopped["artifact"]) == (jobs.CANCELLED, None), (stopped, lab.said())
    client = import_module("ray.job_submission").JobSubmissionClient(lab.more["BANTAM_RAY"])
    status = client.get_job_status(f"{long}-{stopped['claims']}")
    assert str(status.value) == "STOPPED"
    done = lab.row(short)
    assert (done["state"], done["attempts"]) == (jobs.DONE, 1), (done, lab.said())
    assert (lab.home / str(done["artifact"]) / "adapter_model.safetensors").is_file()
    db = connect(lab.home)
    losses = metrics.series(db, short, "loss")
    db.close()
    assert losses, "its numbers came back too"


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
