"""Asking a finished experiment: what is shown can be found in the documents, and what is missing is said."""

import argparse
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.artifact import read_manifest, write_json
from engine.data.load import load
from engine.errors import ConfigError, IndexError_, LabError
from engine.inference.events import Answered
from engine.inference.trace import Answer
from jobs.ask import ask, shown
from jobs.opened import BEST
from jobs.specs import ARMS
from jobs.verbs import ask as verb
from tests.app.scripted import answered as traced
from tests.commands import Command, Finished, Material

QUESTION = "Who opened the port of Velden?"
STAGES = ["retrieve", "compress", "prompt", "draft", "read", "look again", "verify"]


@pytest.fixture(scope="module")
def answered(finished: Finished) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANTAM_HOME", str(finished.home))
        return ask(QUESTION, "tiny")


@pytest.mark.slow
def test_the_answer_cites_a_bullet_that_stands_in_the_document(
    answered: dict[str, Any], material: Material
) -> None:
    assert answered["answer"] and not answered["refused"]
    texts = {document.id: document for document in load(material.documents).documents}
    bullets = {bullet["number"]: bullet for bullet in answered["bullets"]}
    assert list(bullets) == list(range(1, len(bullets) + 1))
    for bullet in bullets.values():
        assert texts[bullet["document"]].text[bullet["start"] : bullet["end"]] == bullet["text"]
    assert answered["citations"]
    for citation in answered["citations"]:
        cited = texts[citation["document"]]
        assert cited.title == citation["title"]
        assert cited.text[citation["start"] : citation["end"]] == bullets[citation["bullet"]]["text"]
        assert answered["answer"] in bullets[citation["bullet"]]["text"]


@pytest.mark.slow
def test_verdict_tokens_and_times_come_with_it(answered: dict[str, Any], finished: Finished) -> None:
    made = read_manifest(finished.home / "artifacts" / "experiment" / "tiny")
    assert answered["arm"] == "lora+rag+compress" and answered["model"] == made["spec"]["small"]
    verdict = answered["verdict"]
    assert verdict["supported"] and verdict["reason"]
    assert verdict["score"] >= made["arms"]["lora+rag+compress"]["threshold"]["tau"]
    tokens = answered["tokens"]
    assert 0 < tokens["evidence"] < tokens["full"] and tokens["evidence"] < tokens["prompt"]
    assert tokens["output"] > 0
    assert list(answered["ms"]) == STAGES and all(value >= 0 for value in answered["ms"].values())
    assert answered["warnings"] == []


@pytest.mark.slow
def test_a_person_sees_all_of_it(answered: dict[str, Any]) -> None:
    text = shown(answered)
    lines = text.splitlines()
    number = answered["citations"][0]["bullet"]
    bullet = answered["bullets"][number - 1]
    assert f"* [{number}] {bullet['text']}  ({bullet['document']}, {bullet['place']})" in lines
    assert (
        answered["citations"][0]["place"] == bullet["place"] != ""
    )  # a section: the documents have headings
    assert sum(line.startswith("* [") for line in lines) == len(answered["citations"])
    assert f"Answer: {answered['answer']} [{number}]" in lines
    assert any(line == f"Verdict: {answered['verdict']['reason']}" for line in lines)
    assert f"Tokens: {answered['tokens']['prompt']} in the prompt, " in text
    assert "Milliseconds: retrieve " in text and ", in all " in text


@pytest.mark.slow
def test_json_is_one_object_and_nothing_else(
    answered: dict[str, Any], finished: Finished, here: Command
) -> None:
    ran = here("ask", QUESTION, "--name", "tiny", "--json", home=finished.home)
    assert ran.code == 0 and ran.err == ""
    result = json.loads(ran.out)
    assert result.keys() == answered.keys()
    timeless = [name for name in result if name != "ms"]
    assert {name: result[name] for name in timeless} == {name: answered[name] for name in timeless}


@pytest.mark.slow
def test_without_an_adapter_the_best_arm_there_is_answers(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(shutil.copytree(finished.home, tmp_path / "home"))
    place = home / "artifacts" / "experiment" / "tiny"
    made = read_manifest(place)
    made["arms"] = {arm: made["arms"][arm] for arm in ("baseline", "rag+compress")}
    write_json(place / "manifest.json", made | {"adapter": None})
    monkeypatch.setenv("BANTAM_HOME", str(home))
    assert ask(QUESTION, "tiny")["arm"] == "rag+compress"


@pytest.mark.slow
def test_an_index_that_is_gone_is_said(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(shutil.copytree(finished.home, tmp_path / "home"))
    shutil.rmtree(home / "artifacts" / "index")
    monkeypatch.setenv("BANTAM_HOME", str(home))
    with pytest.raises(IndexError_, match="it is not whole"):
        ask(QUESTION, "tiny")


@pytest.mark.parametrize("as_json", [True, False])
def test_where_a_tier_fails_what_was_found_is_printed_and_the_error_ends_it(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trace was once thrown away."""
    gone = "The model cannot be fetched: check the network."
    trace = traced("", answer=Answer("", "", False), verdict=None, drafts=(), error=gone)
    parts = SimpleNamespace(
        **{"arm": "large", "manifest": {"spec": {"large": "big"}}, "titles": {"titan": "Titan"}},
        **{"parts": lambda: None, "spec": lambda: None, "cascade": lambda: None, "warnings": lambda tier: []},
    )
    monkeypatch.setattr("jobs.ask.open_experiment", lambda name, device: parts)
    monkeypatch.setattr("engine.inference.orchestrator.answer", lambda *_: iter([Answered(trace)]))
    options = argparse.Namespace(question=QUESTION, name="space", device=None, json=as_json, document=None)
    with pytest.raises(LabError, match="cannot be fetched"):
        verb._run(options)
    printed = capsys.readouterr().out
    assert trace.bullets[1].text in printed
    if as_json:
        assert json.loads(printed)["error"] == gone
    else:
        assert "Tokens: " in printed and "Answer: " not in printed and "Verdict: " not in printed


def test_every_arm_can_be_the_best_one() -> None:
    assert sorted(BEST) == sorted(ARMS)


def test_an_unknown_experiment_is_said_with_the_command_that_makes_it(here: Command, tmp_path: Path) -> None:
    ran = here("ask", QUESTION, "--name", "nowhere", "--json", home=tmp_path / "home")
    assert ran.code == 1 and ran.out == ""
    wanted = "There is no experiment 'nowhere' yet: run `python -m jobs quickstart --name nowhere` first."
    assert ran.err == f"\nbantam: {wanted}\n"


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_said(question: str) -> None:
    with pytest.raises(ConfigError, match="The question is empty: write it in quotes"):
        ask(question, "tiny")
