"""50 SIGKILLs at random moments: no job is lost, none ends twice, every artefact is whole, and the numbers
are those of the queue that was left in peace. BANTAM_KILLS_SEED chooses the moments."""

import os
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import read_manifest
from engine.data import dataset
from engine.retrieval import index as indexes
from jobs.results import read_arm
from storage import jobs, metrics
from storage.db import connect
from tests.jobs import kills
from tests.jobs.kills import KILLS, Storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]  # minutes; on a very busy machine many
MACHINE = ("_ms", "seconds", "tokens_per_second", "peak_memory")  # of this machine and moment


@pytest.fixture(scope="module")
def storms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Storm, Storm]:
    seed = int(os.environ.get("BANTAM_KILLS_SEED") or 0)
    return kills.both(tmp_path_factory.mktemp("kills"), seed, KILLS)


def numbers(home: Path) -> dict[str, dict[tuple[str, int], float]]:
    """Every number of every job by its name, but for what the machine and its clock say."""
    db = connect(home)
    found = {}
    for row in jobs.listed(db, limit=1000):
        found[row["name"]] = {
            (one["name"], one["step"]): one["value"]
            for one in metrics.series(db, row["id"])
            if not one["name"].endswith(MACHINE)
        }
    db.close()
    return found


def artefacts(home: Path, kind: str) -> dict[str, Path]:
    return {place.name: place for place in (home / "artifacts" / kind).iterdir() if place.name[0] != "."}


def test_so_many_were_killed(storms: tuple[Storm, Storm]) -> None:
    peace, fire = storms
    assert fire.figures.kills.total() == KILLS and fire.figures.kills["job"] and fire.figures.kills["worker"]
    assert set(peace.figures.attempts.values()) == {1}


def test_no_job_is_lost_and_none_ends_twice(storms: tuple[Storm, Storm]) -> None:
    for storm in storms:
        rows = storm.rows()
        assert sorted(row["name"] for row in rows) == sorted(name for name, *_ in storm.plan)
        assert {row["name"]: row["error"] for row in rows if row["state"] != jobs.DONE} == {}
        assert kills.endings(storm.home) == {row["id"]: 1 for row in rows}


def test_every_artefact_is_whole_and_the_same(storms: tuple[Storm, Storm]) -> None:
    peace, fire = storms
    for kind in ("dataset", "index", "adapter"):
        assert artefacts(fire.home, kind).keys() == artefacts(peace.home, kind).keys()
    for place in artefacts(fire.home, "dataset").values():
        assert dataset.load(place) == dataset.load(peace.home / "artifacts" / "dataset" / place.name)
    for place in artefacts(fire.home, "index").values():
        assert indexes.load(place).fingerprint == read_manifest(place)["fingerprint"]
    for place in artefacts(fire.home, "adapter").values():
        assert furthest(place, peace.home / "artifacts" / "adapter" / place.name) < 1e-5
    for storm in storms:
        made = [row["artifact"] for row in storm.rows() if row["kind"] == "evaluate"]
        assert sorted(made) == sorted(
            f"artifacts/evaluation/{name}" for name in artefacts(storm.home, "evaluation")
        )
        for place in artefacts(storm.home, "evaluation").values():
            arms = read_manifest(place)["arms"]
            assert arms and all(read_arm(place, arm) is not None for arm in arms)


def test_the_numbers_are_those_of_the_unbroken_queue(storms: tuple[Storm, Storm]) -> None:
    calm, stormy = (numbers(storm.home) for storm in storms)
    assert any(name == "loss" for name, _ in calm["train0"]) and calm["evaluate0"]
    for name, expected in calm.items():
        assert stormy[name].keys() == expected.keys(), name
        for key, value in expected.items():
            assert stormy[name][key] == pytest.approx(value, rel=1e-4, abs=1e-5), (name, key)


def furthest(one: Path, other: Path) -> Any:
    """The largest difference between the weights of two adapters."""
    from safetensors.torch import load_file

    mine, others = (load_file(place / "adapter_model.safetensors") for place in (one, other))
    assert mine.keys() == others.keys()
    return max(float((mine[name] - others[name]).abs().max()) for name in mine)
