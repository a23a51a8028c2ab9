"""The whole way on three short documents: what it prints, keeps, takes again, and what Ctrl-C leaves."""

import argparse
import csv
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import read_manifest
from engine.data import synthesize
from engine.data.ask import ask
from engine.data.load import load
from engine.errors import TrainingError
from engine.evaluation.report import write_report
from engine.progress import Metric, Progress
from engine.retrieval import index as indexes
from engine.training import adapters, sft
from jobs.console import Console
from jobs.options import add_options, from_options
from jobs.specs import ARMS, FOUR, QuickstartSpec
from storage import answers, artifacts, jobs, metrics
from storage.db import connect
from tests.commands import QUESTIONS, ROOT, Command, Finished, Material, environment, run

pytestmark = pytest.mark.slow

STAGES = ["documents", "index", "questions", "train", "answer", "report"]
KINDS = {"index": "index", "questions": "questions", "train": "adapter"}
COLUMNS = (
    "arm,em,f1,accuracy,answered,citation_precision,unanswerable_refused,prompt_tokens,output_tokens,"
    "token_reduction,p50_ms,p95_ms,f1_delta,f1_low,f1_high"
)
STOPPED = "bantam: stopped. What was finished is kept: the same command goes on from there."
JOB = "quickstart-tiny"


def rows_of(out: str) -> list[dict[str, Any]]:
    """The rows a command printed as JSON, without what the clock says."""
    return [
        {name: value for name, value in row.items() if not name.endswith("_ms")}
        for row in json.loads(out)["rows"]
    ]


def folders(home: Path) -> dict[str, set[str]]:
    """What lies under each kind of artefact, hidden things too."""
    return {kind.name: {path.name for path in kind.iterdir()} for kind in (home / "artifacts").glob("*")}


def adapter(home: Path) -> bytes:
    (folder,) = (home / "artifacts" / "adapter").iterdir()
    return (folder / "adapter_model.safetensors").read_bytes()


def job(home: Path) -> dict[str, Any]:
    db = connect(home)
    row = jobs.get(db, JOB)
    db.close()
    assert row
    return row


def nothing_half_made(home: Path, working: bool) -> None:
    """Every artefact is whole; hidden folders are none but that of the training that will go on."""
    for kind, names in folders(home).items():
        hidden = {name for name in names if name.startswith(".")}
        assert all(re.fullmatch(r"\.[0-9a-f]{16}-work", name) for name in hidden), (kind, hidden)
        assert bool(hidden) == (working and kind == "adapter")
        for name in names - hidden:
            assert read_manifest(home / "artifacts" / kind / name)["kind"] == kind


def test_it_prints_one_json_object_and_a_line_a_stage(finished: Finished) -> None:
    code, out, err = finished.ran
    assert code == 0, err
    result = json.loads(out)
    assert result.keys() == {"name", "rows", "table", "sentences", "adapter_gain", "timings", "report"}
    lines = err.splitlines()
    stages = [line for line in lines if line.startswith("[")]
    assert [line.split()[1] for line in stages] == STAGES
    assert all(re.fullmatch(r"\[\d/6\] \w+ +.+ · (\d+ min )?[\d.]+ s", line) for line in stages)
    assert lines[1].startswith("      not read: river.jsonl, row 2: ")
    assert len(lines) == 7, "nothing but the stages and what could not be read"


def test_evidence_is_worth_more_than_nothing(finished: Finished) -> None:
    """The stages really hang together: the answers are there to be copied from the evidence."""
    baseline, lora, rag, both = rows_of(finished.ran.out)
    assert [row["arm"] for row in (baseline, lora, rag, both)] == [ARMS[arm] for arm in FOUR]
    assert min(rag["f1"], both["f1"]) > max(baseline["f1"], lora["f1"])
    assert baseline["f1_delta"] is None and rag["f1_delta"] == pytest.approx(rag["f1"] - baseline["f1"])
    assert rag["citation_precision"] and baseline["citation_precision"] is None


def test_the_report_has_its_fixed_columns_and_says_what_was_not_read(finished: Finished) -> None:
    report = Path(json.loads(finished.ran.out)["report"])
    assert report == finished.home / "artifacts" / "experiment" / "tiny" / "report"
    text = (report / "report.csv").read_text()
    assert text.splitlines()[0] == COLUMNS
    assert [row["arm"] for row in csv.DictReader(text.splitlines())] == [ARMS[arm] for arm in FOUR]
    page = (report / "report.md").read_text()
    assert "Not read: river.jsonl, row 2: " in page
    result = json.loads(finished.ran.out)
    assert result["table"] in page
    _, _, rag, both = result["rows"]
    gain = result["adapter_gain"]
    assert gain["f1_delta"] == pytest.approx(both["f1"] - rag["f1"])
    assert gain["f1_low"] <= gain["f1_delta"] <= gain["f1_high"]
    assert result["sentences"][-1].startswith("The adapter ")
    assert result["sentences"][-1].split("[")[0].split("(")[0] in page
    whole = {one["arm"]: (one["p50_ms"], one["p95_ms"]) for one in result["timings"] if one["stage"] == "all"}
    assert whole == {row["arm"]: (row["p50_ms"], row["p95_ms"]) for row in result["rows"]}
    assert "## Latency by stage" in page
    assert "plotly" in (report / "report.html").read_text().lower()


def test_the_command_in_the_report_gives_the_spec_again(finished: Finished) -> None:
    page = (finished.home / "artifacts" / "experiment" / "tiny" / "report" / "report.md").read_text()
    command = page.split("## Again")[1].strip().strip("`").strip()
    parser = argparse.ArgumentParser()
    add_options(parser, QuickstartSpec)
    options = parser.parse_args(shlex.split(command.split("-m jobs quickstart", 1)[1]))
    assert from_options(options, QuickstartSpec).model_dump() == job(finished.home)["spec"]


def test_everything_it_did_is_in_storage(finished: Finished, material: Material) -> None:
    home = finished.home
    row = job(home)
    assert (
        row["state"] == jobs.DONE
        and row["attempts"] == 1
        and row["kind"] == "quickstart"
        and row["name"] == "tiny"
    )
    assert row["spec"]["documents"] == str(material.documents) and row["error"] is None
    db = connect(home)
    dataset = artifacts.find_dataset(db, name="tiny")
    assert dataset and dataset["documents"] == 3 and dataset["questions"] == len(QUESTIONS)
    assert [(one["file"], one["row"]) for one in dataset["rejected"]] == [("river.jsonl", 2)]
    index = artifacts.find_index(db, dataset_id=dataset["id"])
    assert index and index["manifest"] == read_manifest(home / index["path"])
    base = artifacts.find_model(db, kind=artifacts.BASE)
    trained = artifacts.find_model(db, kind=artifacts.ADAPTER)
    assert base and trained and base["id"] == trained["base"] == "bantam-small"
    manifest = read_manifest(home / trained["path"])
    assert trained["manifest"] == manifest and manifest["job"] == JOB
    assert manifest["index"] == index["fingerprint"]
    kept = {arm: answers.read(db, JOB, arm) for arm in answers.arms(db, JOB)}
    assert list(kept) == [ARMS[arm] for arm in ("baseline", "rag+compress", "lora", "lora+rag+compress")]
    asked = {tuple(one["question_id"] for one in rows) for rows in kept.values()}
    assert len(asked) == 1, "every arm answered the same questions"
    for result in rows_of(finished.ran.out):
        mine = kept[result["arm"]]
        scored = [one["f1"] for one in mine if one["golds"]]
        assert 100 * sum(scored) / len(scored) == pytest.approx(result["f1"])
        assert all(one["trace"]["question"] == one["question"] for one in mine)
        (f1,) = metrics.series(db, JOB, f"{result['arm']}/f1")
        assert f1["value"] == pytest.approx(result["f1"])
    assert metrics.series(db, JOB, "loss")
    db.close()


def test_an_answer_cites_text_that_stands_in_the_document(finished: Finished, material: Material) -> None:
    texts = {document.id: document.text for document in load(material.documents).documents}
    db = connect(finished.home)
    bullets = [bullet for row in answers.read(db, JOB) for bullet in row["trace"]["bullets"]]
    db.close()
    assert bullets
    assert all(texts[one["document"]][one["start"] : one["end"]] == one["text"] for one in bullets)


def test_a_second_run_takes_what_is_there_gives_equal_rows_and_answers_in_every_arm(
    finished: Finished, material: Material, here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copied(finished.home, tmp_path)
    before = {
        file: file.stat().st_mtime_ns
        for kind in KINDS.values()
        for file in (home / "artifacts" / kind).rglob("*")
    }

    def again(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(indexes, "build", again)
    monkeypatch.setattr(synthesize, "synthesize", again)
    monkeypatch.setattr(sft, "train", again)
    every = ("--arms", "...,rag,lora+rag,large", "--large", "bantam-small")  # large: the small model again
    ran = here("quickstart", *material.options, *every, "--json", home=home)
    assert ran.code == 0, ran.err
    rows = rows_of(ran.out)
    assert [row["arm"] for row in rows] == [ARMS[arm] for arm in (*FOUR, "rag", "lora+rag", "large")]
    assert rows[:4] == rows_of(finished.ran.out)
    _, _, compressed, _, whole, tuned, large = rows
    assert {**large, "arm": ""} == {**compressed, "arm": ""}, "the same model over the same evidence"
    assert whole["token_reduction"] == tuned["token_reduction"] == 0 < compressed["token_reduction"]
    assert compressed["prompt_tokens"] < whole["prompt_tokens"] and whole["f1"] and tuned["f1"]
    db = connect(home)
    assert set(answers.arms(db, JOB)) == set(ARMS.values())
    assert metrics.series(db, JOB, f"{large['arm']}/f1")
    db.close()
    assert "train       taken as it was made before" in ran.err
    after = {
        file: file.stat().st_mtime_ns
        for kind in KINDS.values()
        for file in (home / "artifacts" / kind).rglob("*")
    }
    assert after == before
    assert job(home)["attempts"] == 2


def test_a_run_with_fewer_arms_keeps_only_their_answers(
    finished: Finished, material: Material, here: Command, tmp_path: Path
) -> None:
    home = copied(finished.home, tmp_path)
    ran = here("quickstart", *material.options, "--arms", "rag+compress", home=home)
    assert ran.code == 0, ran.err
    assert "no arm needs an adapter" in ran.err
    db = connect(home)
    assert answers.arms(db, JOB) == ["Baseline", "RAG+Compress"]
    db.close()
    assert ran.out.count("\n| ") == 2 + 2 and "The report: " in ran.out


def test_without_questions_some_are_written_and_held_out(
    material: Material, here: Command, tmp_path: Path
) -> None:
    options = list(material.options)
    place = options.index("--questions")
    del options[place : place + 2]
    ran = here("quickstart", *options, "--arms", "rag+compress", "--json", home=tmp_path / "home")
    if ran.code == 1:
        assert "too short to make questions for training and for testing" in ran.err
        return
    assert ran.code == 0, ran.err
    assert "test questions held out of them" in ran.err
    report = Path(json.loads(ran.out)["report"]) / "report.md"
    assert "written by a model, held out from training" in report.read_text()


# What each stage is interrupted in: a function to spoil, and the artefacts that are there before it.


def interrupting(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, and Ctrl-C as soon as it has done its work."""

    def interrupted(*arguments: Any, **options: Any) -> Any:
        made = function(*arguments, **options)
        signal.raise_signal(signal.SIGINT)
        return made

    return interrupted


def interrupting_when(happens: Callable[[Progress], bool]) -> Callable[..., None]:
    """A Console.__call__ that presses Ctrl-C at the first Progress for which `happens` is true."""
    say = Console.__call__
    pressed = False

    def call(console: Console, said: Progress | Metric) -> None:
        nonlocal pressed
        say(console, said)
        if isinstance(said, Progress) and not pressed and happens(said):
            pressed = True
            signal.raise_signal(signal.SIGINT)

    return call


def listening(steps: list[int]) -> Callable[..., None]:
    """A Console.__call__ that notes which training steps are reported."""
    say = Console.__call__

    def call(console: Console, said: Progress | Metric) -> None:
        say(console, said)
        if isinstance(said, Progress) and said.stage == "train":
            steps.append(said.done)

    return call


def spoil(stage: str, patch: pytest.MonkeyPatch) -> None:
    """Have Ctrl-C pressed in the middle of `stage`."""
    import faiss

    if stage == "documents":
        patch.setattr("jobs.kinds.import_.load", interrupting(load))
    elif stage == "index":  # one of the index's files is written, the others are not
        patch.setattr(faiss, "write_index", interrupting(faiss.write_index))
    elif stage == "questions":
        patch.setattr("engine.data.synthesize.ask", interrupting(ask))
    elif stage == "train":  # after a checkpoint
        patch.setattr(
            Console, "__call__", interrupting_when(lambda p: p.stage == "train" and p.done == p.total - 1)
        )
    elif stage == "answer":  # in the third arm, with two kept
        patch.setattr(
            Console, "__call__", interrupting_when(lambda p: p.stage == "read" and p.unit == "questions")
        )
    else:  # the report's files are written, their folder is not in its place
        patch.setattr("jobs.kinds.ablation.write_report", interrupting(write_report))


def copied(home: Path, folder: Path, kinds: tuple[str, ...] | None = None) -> Path:
    """A copy of a workspace: whole, or only some kinds of its artefacts."""
    other = folder / "copy"
    if kinds is None:
        return Path(shutil.copytree(home, other))
    other.mkdir()
    for kind in kinds:
        shutil.copytree(home / "artifacts" / kind, other / "artifacts" / kind)
    return other


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_in_a_stage_leaves_nothing_half_made_and_the_next_run_finishes(
    stage: str,
    finished: Finished,
    material: Material,
    here: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = STAGES[: STAGES.index(stage)]
    home = copied(finished.home, tmp_path, tuple(KINDS[name] for name in before if name in KINDS))
    with monkeypatch.context() as patch:
        spoil(stage, patch)
        stopped = here("quickstart", *material.options, "--json", home=home)
    assert stopped.code == 130, stopped.err
    assert stopped.out == ""
    assert stopped.err.splitlines()[-2:] == ["", STOPPED]
    assert "Traceback" not in stopped.err
    finished_stages = [line.split()[1] for line in stopped.err.splitlines() if line.startswith("[")]
    assert finished_stages == before, stopped.err
    row = job(home)
    assert row["state"] == jobs.INTERRUPTED and stage in row["error"]
    nothing_half_made(home, working=stage == "train")
    assert KINDS.get(stage) not in {
        kind for kind, names in folders(home).items() if any(n[0] != "." for n in names)
    }

    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Console, "__call__", listening(steps))
        again = here("quickstart", *material.options, "--json", home=home)
    assert again.code == 0, again.err
    assert rows_of(again.out) == rows_of(finished.ran.out)
    assert adapter(home) == adapter(finished.home)
    if stage == "train":
        assert steps[0] > 0, "it went on from its checkpoint"
    row = job(home)
    assert row["state"] == jobs.DONE and row["attempts"] == 2 and row["error"] is None
    nothing_half_made(home, working=False)


def test_an_adapter_that_does_not_work_when_loaded_again_is_not_kept(
    finished: Finished, material: Material, here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was put in its place first, and the next run took it."""

    def broken(*_: object, **__: object) -> None:
        raise TrainingError("The adapter gives no numbers when it is loaded again: lower the learning rate.")

    home = copied(finished.home, tmp_path, ("index", "questions"))
    monkeypatch.setattr(adapters, "reload", broken)
    ran = here("quickstart", *material.options, home=home)
    assert ran.code == 1 and "The adapter gives no numbers" in ran.err
    assert job(home)["state"] == jobs.FAILED
    assert not any((home / "artifacts" / "adapter").glob("[!.]*"))


class Running:
    """A real process of quickstart, whose standard error is read as it comes."""

    def __init__(self, material: Material, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "quickstart", *material.options, "--json"],
            cwd=ROOT,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )
        self.said = ""

    def wait_for(self, text: str) -> None:
        """Read until a line holds `text`."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line
            if text in line:
                return
        raise AssertionError(f"it ended without {text!r}: {self.said}")

    def stop(self, number: int) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=120)
        self.said += rest
        return self.process.returncode


def test_a_real_process_can_be_stopped_killed_and_run_again(
    finished: Finished, material: Material, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    stopped = Running(material, home)
    stopped.wait_for("[2/6] index")
    time.sleep(0.5)
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.stop(signal.SIGINT) == 130, "a second Ctrl-C soon after changes nothing"
    assert stopped.said.splitlines()[-1] == STOPPED and "Traceback" not in stopped.said
    row = job(home)
    assert row["state"] == jobs.INTERRUPTED and row["error"] == "stopped in stage 'questions'"
    nothing_half_made(home, working=False)

    killed = Running(material, home)
    killed.wait_for("[3/6] questions")
    deadline = time.monotonic() + 60
    while not any((home / "artifacts").glob("adapter/.*-work/checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline and killed.process.poll() is None, killed.said
        time.sleep(0.02)
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    assert job(home)["state"] == jobs.RUNNING, "a killed process says nothing"
    nothing_half_made(home, working=True)

    ran = run("quickstart", *material.options, "--json", home=home)
    assert ran.code == 0, ran.err
    assert rows_of(ran.out) == rows_of(finished.ran.out)
    assert job(home)["state"] == jobs.DONE and job(home)["attempts"] == 3
    nothing_half_made(home, working=False)


def test_two_runs_of_one_name_do_not_disturb_each_other(material: Material, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Running(material, home)
    first.wait_for("[1/6] documents")
    ran = run("quickstart", *material.options, home=home)
    assert ran.code == 1
    assert (
        f"Job {JOB} is already running (process {first.process.pid}); wait for it to end or stop it"
        in ran.err
    )
    assert first.process.poll() is None and job(home)["state"] == jobs.RUNNING
    assert first.stop(signal.SIGTERM) == 130
    assert job(home)["state"] == jobs.INTERRUPTED


def test_a_terminal_shows_nothing_but_stages(material: Material, finished: Finished, tmp_path: Path) -> None:
    """Libraries that draw bars or give advice do so where there is a terminal, so one is made."""
    home = copied(finished.home, tmp_path, ("index",))
    arguments = [sys.executable, "-m", "jobs", "quickstart", *material.options]
    pid, terminal = pty.fork()
    if pid == 0:  # in the child
        os.chdir(ROOT)
        os.execve(sys.executable, arguments, environment(home, COLUMNS="100"))
    said = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    stages, _, results = said.decode().replace("\r\n", "\n").partition("\n\n|")
    drawn = re.split(r"\r\x1b\[2K|\n", stages)
    strange = [line for line in drawn if line and not re.match(r"\[\d/6\] \w+|      not read: ", line)]
    assert strange == []
    assert any(re.search(r"train \d+/\d+ steps · about [\d.]+ s left", line) for line in drawn)
    assert results.count("\n|") == 5 and "The report: " in results
