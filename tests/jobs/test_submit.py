"""What may be put in the queue: every kind from its spec, experiments as jobs of jobs; nonsense is refused
in one sentence and leaves nothing."""

import json
import shlex
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel

from engine.errors import ConfigError
from jobs import queue, recipe, shelf
from jobs.kinds import KINDS, Kind, checked_spec
from jobs.specs import QuickstartSpec
from storage import jobs, workers
from storage.db import connect
from tests.commands import Command

PLAN = ["import", "index", "synthesize", "train", "evaluate", "ablation"]
NEEDED = {"dataset": "space"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def rows(home: Path) -> list[dict[str, Any]]:
    db = connect(home)
    found = jobs.listed(db, limit=1000)
    db.close()
    return found


def minimal(kind: Kind) -> dict[str, Any]:
    """The settings that have to be given, "a" for each."""
    return {name: "a" for name, field in kind.Spec.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_knob_of_every_kind_is_explained_and_can_be_left_out(kind: Kind) -> None:
    assert kind.title and kind.about and issubclass(kind.Spec, BaseModel)
    assert kind.Spec.model_config.get("frozen") and kind.Spec.model_config.get("extra") == "forbid"
    assert all(field.description for field in kind.Spec.model_fields.values())
    assert set(minimal(kind)) <= {"dataset", "name", "experiment", "model"}, "only what nobody can guess"
    spec = kind.Spec(**minimal(kind))
    assert kind.Spec(**json.loads(spec.model_dump_json())) == spec


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_command_and_toml_of_a_job_repeat_it(kind: Kind, home: Path, here: Command, tmp_path: Path) -> None:
    id = queue.submit(kind.name, minimal(kind), name="mine", priority=3, runner="ray")
    db = connect(home)
    row = jobs.get(db, id)
    db.close()
    assert row
    words = shlex.split(recipe.command(row))
    assert words[:4] == [".venv/bin/python", "-m", "jobs", "submit"]
    file = tmp_path / "spec.toml"
    file.write_text(recipe.toml(row))
    line = shlex.split(recipe.toml(row).splitlines()[0].removeprefix("# "))
    for command in (words[3:], [str(file) if word == "FILE.toml" else word for word in line[3:]]):
        again = json.loads(here(*command, "--json", home=home).out)["id"]
        other = next(one for one in rows(home) if one["id"] == again)
        for name in ("kind", "name", "spec", "runner", "device"):
            assert other[name] == row[name]


def test_an_experiment_is_a_job_of_jobs_each_with_what_it_needs(home: Path) -> None:
    id = queue.submit("ablation", QuickstartSpec(arms="...,large", r=8, seed=4), priority=2)
    made = {row["kind"]: row for row in rows(home)}
    assert list(reversed(made)) == PLAN and made["ablation"]["id"] == id
    assert all(row["parent"] == id for kind, row in made.items() if kind != "ablation")
    assert {row["name"] for row in made.values()} == {"space"}
    assert {row["priority"] for row in made.values()} == {2}
    ids = {kind: row["id"] for kind, row in made.items()}
    assert made["ablation"]["needs"] == [ids[kind] for kind in PLAN[:-1]]
    assert made["train"]["spec"]["questions"] == ids["synthesize"] and made["train"]["spec"]["r"] == 8
    assert made["evaluate"]["spec"]["adapter"] == ids["train"] in made["evaluate"]["needs"]
    assert made["import"]["device"] == made["ablation"]["device"] == "cpu"
    queue.submit("ablation", {"arms": "rag+compress"}, name="plain")
    assert [row["kind"] for row in rows(home) if row["name"] == "plain"] == [
        *("ablation", "evaluate", "synthesize", "index", "import")
    ]


def test_the_command_of_an_experiment_waits_for_the_jobs_outside_that_it_waits_for(home: Path) -> None:
    """It named none of its needs, because its own parts are among them."""
    outer = queue.submit("import", {"name": "first"}, name="first")
    queue.submit("ablation", {"arms": "rag+compress", "r": 8}, name="mine", needs=[outer])
    (row,) = [row for row in rows(home) if row["kind"] == "ablation"]
    assert len(row["needs"]) == 5
    words = shlex.split(recipe.command(row))
    assert [words[place + 1] for place, word in enumerate(words) if word == "--needs"] == [outer]
    assert f"--needs {outer} --needs" not in recipe.toml(row) and f"--needs {outer}" in recipe.toml(row)
    assert "--needs" not in recipe.command({**row, "spec": {"of": "another version"}})


def test_cancelling_an_experiment_cancels_its_jobs_and_resuming_brings_them_back(home: Path) -> None:
    id = queue.submit("ablation", {})
    assert queue.cancel(id)["state"] == jobs.CANCELLED
    assert {row["state"] for row in rows(home)} == {jobs.CANCELLED}
    with pytest.raises(ConfigError, match="is cancelled: there is nothing to cancel"):
        queue.cancel(id)
    assert queue.resume(id)["state"] == jobs.QUEUED
    assert {row["state"] for row in rows(home)} == {jobs.QUEUED}
    with pytest.raises(ConfigError, match="is queued already"):
        queue.resume(id)
    other = queue.duplicate(id, {"r": "16", "name": "again"})
    made = {row["kind"]: row for row in rows(home) if row["name"] == "again"}
    assert made["ablation"]["id"] == other and made["train"]["spec"]["r"] == 16
    assert not {row["id"] for row in rows(home) if row["name"] == "space"} & set(made["ablation"]["needs"])


@pytest.mark.parametrize(
    ("kind", "spec", "why"),
    [
        ("trian", {}, "There is no kind of job 'trian': use one of import, clean"),
        ("train", {}, "train: the setting 'dataset' has to be given"),
        ("train", NEEDED | {"lr": 1}, "train: there is no setting 'lr'; there are dataset, index"),
        (
            "train",
            NEEDED | {"r": 0},
            "train: r 0 cannot be used: input should be greater than or equal to 1.",
        ),
        ("train", NEEDED | {"epochs": "nan"}, "train: epochs 'nan' cannot be used"),
        ("train", NEEDED | {"r": [1, 2]}, "train: r [1, 2] cannot be used"),
        ("train", NEEDED | {"device": "tpu"}, "train: device 'tpu' cannot be used"),
        ("train", {1: 2}, "train: its settings are not name = value"),
        ("evaluate", NEEDED | {"arms": "huge"}, "there is no arm 'huge': use some of baseline"),
        ("ablation", {"arms": "huge"}, "there is no arm 'huge': use some of baseline"),
        ("ablation", {"name": "../up"}, "The name '../up' cannot be used"),
        ("import", {"name": "a/b"}, "The name 'a/b' cannot be used"),
    ],
)
def test_a_spec_that_is_nonsense_is_refused_in_one_sentence(
    kind: str, spec: dict[Any, Any], why: str, home: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        queue.submit(kind, spec)
    said = str(raised.value)
    assert why in said and said.endswith(".") and "\n" not in said
    assert rows(home) == []


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "A", "a b", "x" * 65, "-r"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, home: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used: take 1 to 64"):
        queue.submit("index", NEEDED, name=name)
    assert rows(home) == []


def test_needs_have_to_be_there_and_alive(home: Path) -> None:
    with pytest.raises(ConfigError, match="There is no job 'ghost' here"):
        queue.submit("index", NEEDED, needs=["ghost"])
    first = queue.submit("index", NEEDED)
    queue.cancel(first)
    with pytest.raises(ConfigError, match=f"{first} is cancelled, so nothing can wait for it"):
        queue.submit("index", NEEDED, needs=[first])
    with pytest.raises(ConfigError, match="There is no runner 'slurm'"):
        queue.submit("index", NEEDED, runner="slurm")
    assert len(rows(home)) == 1


@given(
    some.dictionaries(
        some.text(max_size=12), some.none() | some.integers() | some.text(max_size=12) | some.floats()
    )
)
def test_whatever_a_browser_sends_is_a_spec_or_a_sentence(sent: dict[str, Any]) -> None:
    for kind in KINDS:
        with suppress(ConfigError):
            assert isinstance(checked_spec(kind, sent), KINDS[kind].Spec)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"r = ", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"r = 0\ndataset = 'a'", "train: r 0 cannot be used"),
        (b"[deep]\nr = 1", "train: "),
        (b"#" * 1_000_001, "larger than a spec can be"),
    ],
)
def test_a_toml_edited_to_nonsense_is_refused_in_one_sentence(
    content: bytes, why: str, here: Command, tmp_path: Path
) -> None:
    file = tmp_path / "spec.toml"
    file.write_bytes(content)
    ran = here("submit", "train", "--spec", str(file), home=tmp_path / "home")
    assert ran.code == 1 and why in ran.err and ran.out == "" and ran.err.count("\n") == 2
    ran = here("submit", "train", "--spec", str(tmp_path / "none.toml"), home=tmp_path / "home")
    assert ran.code == 1 and "cannot be read (No such file or directory)" in ran.err
    ran = here("submit", "train", "--set", "r", home=tmp_path / "home")
    assert ran.code == 1 and "--set 'r' cannot be used: write it as key=value" in ran.err


@given(
    some.dictionaries(some.sampled_from(["documents", "questions", "small", "name"]), some.text(max_size=30))
)
def test_any_text_survives_toml_and_the_command_line(texts: dict[str, str]) -> None:
    texts = {name: "".join(c for c in text if c.isprintable()) for name, text in texts.items()}
    row = {"kind": "import", "name": "n", "spec": texts, "needs": [], "runner": "local", "priority": 0}
    assert tomllib.loads(recipe.toml(row)) == texts
    words = shlex.split(recipe.command(row))
    given_back = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert recipe.pairs(given_back).items() <= texts.items()


def test_the_first_experiment_is_queued_once(here: Command, home: Path) -> None:
    first = json.loads(here("submit", "ablation", "--if-empty", "--json", home=home).out)["id"]
    again = json.loads(here("submit", "ablation", "--if-empty", "--json", home=home).out)["id"]
    assert first == again and len(rows(home)) == len(PLAN)


def test_without_a_worker_it_is_said(here: Command, home: Path) -> None:
    assert "No worker runs here" in here("submit", "index", "--set", "dataset=space", home=home).out
    db = connect(home)
    workers.announce(db, 2**22 + 1, 1.0, ["cpu"])
    db.close()
    assert queue.worker() is None, "one that was killed has not said goodbye"


def test_settings_of_a_kind_are_listed(here: Command, home: Path) -> None:
    said = here("submit", "train", "--settings", home=home).out
    assert [line.split()[0] for line in said.splitlines()] == list(KINDS["train"].Spec.model_fields)


def test_what_something_was_made_of_is_not_deleted(home: Path) -> None:
    from engine.artifact import writing

    facts = {"index": {"fingerprint": "f", "dataset": "d"}, "adapter": {"index": "f", "dataset_id": "d"}}
    facts |= {"dataset": {"fingerprint": "x"}, "evaluation": {"adapter": "a", "index": "i", "dataset": "d"}}
    facts |= {"experiment": {"evaluation": "e", "adapter": "a", "index": "i", "dataset": "d"}}
    for kind, manifest in facts.items():
        with writing(home / "artifacts" / kind / kind[0], {"kind": kind, **manifest}):
            pass
    with writing(home / "artifacts" / "experiment" / "x", {"kind": "experiment", **facts["experiment"]}):
        pass
    db = connect(home)
    assert {one.kind for one in shelf.dependents("index", "i")} == {"adapter", "evaluation", "experiment"}
    with pytest.raises(ConfigError, match="The dataset d is needed by "):
        shelf.delete(db, "dataset", "d")
    with pytest.raises(ConfigError, match="There is no index 'ghost' here"):
        shelf.delete(db, "index", "ghost")
    with pytest.raises(ConfigError, match="cannot be used"):
        shelf.delete(db, "index", "../d")
    for kind, id in (("experiment", "e"), ("experiment", "x"), ("evaluation", "e"), ("adapter", "a")):
        shelf.delete(db, kind, id)
    shelf.delete(db, "index", "i"), shelf.delete(db, "dataset", "d")
    assert shelf.things() == []
    db.close()
