"""Pairs from a teacher on a server, through the command: only what the known answers bear out is kept, a cap
stops it cleanly, and nothing is paid twice."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.data import pairs
from engine.data.dataset import read_records
from engine.data.records import Pair
from engine.evaluation.metrics import holds_answer
from jobs.kinds import checked_spec
from tests.commands import Command, Finished
from tests.servers import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def known(finished: Finished) -> dict[str, list[str]]:
    """The questions that the experiment trained on, with their answers."""
    (file,) = (finished.home / "artifacts" / "questions").glob("*/questions.jsonl")
    rows = [json.loads(line) for line in file.read_text().split("\n") if line]
    return {row["question"]: row["answers"] for row in rows}


class Teacher:
    """Knows the answers. The first few questions it spoils, each in another way."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self.known = known
        self.order = {question: number for number, question in enumerate(known)}

    def __call__(self, body: dict[str, Any]) -> str:
        user = body["messages"][1]["content"]
        question = re.findall(r"^Question: (.+)$", user, re.M)[0]
        bullets = re.findall(r"^\[\d+\] (.+)$", user, re.M)
        golds, number = self.known[question], self.order[question]
        held = next((n for n, text in enumerate(bullets, 1) if holds_answer(text, golds)), 0)
        good = f"{golds[0]} [{held}]" if held else "I don't know"
        bad = "the seventh of nine dull days [1]"
        said = {
            0: {"good": good, "mediocre": f"{good} "},
            1: {"good": bad, "mediocre": bad},
        }.get(number, {"good": good, "mediocre": bad})
        return "Let me think about that for a while." if number == 2 else json.dumps(said)


def test_only_pairs_that_the_known_answers_bear_out_are_kept(
    finished: Finished, known: dict[str, list[str]], here: Command, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(finished.home, home)
    ask = ("pairs", "--name", "tiny", "--source", "teacher", "--questions", "12", "--margin", "0")
    with serving(Teacher(known)) as server:
        teach = (*ask, "--base-url", server.url, "--model", "tiny", "--repairs", "0", "--concurrency", "1")
        capped = here(*teach, "--most-tokens", "480", "--json", home=home)
        assert capped.code == 0, capped.err
        assert "480 tokens" in json.loads(capped.out)["spent"]["stopped"]
        most = re.search(r"at most (\d+) calls", capped.err)
        assert most and 6 < int(most[1]) <= 12 and "raise the cap" in capped.err
        paid = len(server.seen)
        assert 0 < paid < int(most[1])
        ran = here(*teach, "--json", home=home)
        assert ran.code == 0, ran.err
        bodies = [json.dumps(body["messages"]) for _, _, body in server.seen]
        assert len(set(bodies)) == len(bodies) > paid
        again = json.loads(here(*teach, "--json", home=home).out)
        assert len(server.seen) == len(bodies) and again["spent"]["calls"] == 0
    told = json.loads(ran.out)
    assert told["pairs"] == again["pairs"] and told["spent"]["cached"] == paid
    assert told["counts"].pop(pairs.KEPT) == told["kept"] > 3
    assert {pairs.RIGHT: 1, pairs.WRONG: 1, pairs.NO_JSON: 1}.items() <= told["counts"].items()
    found = read_records(home / "artifacts" / "pairs" / told["pairs"] / "pairs.jsonl", Pair)
    for pair in found:
        assert pair.origin == "teacher" and pair.margin is not None and pair.margin >= 0
        question = re.findall(r"^Question: (.+)$", pair.prompt[-1].content, re.M)[0]
        cited = re.findall(r"\[(\d+)\]$", pair.chosen)
        if cited:
            bullets = re.findall(r"^\[\d+\] (.+)$", pair.prompt[-1].content, re.M)
            assert holds_answer(pair.chosen, known[question])
            assert holds_answer(bullets[int(cited[0]) - 1], known[question])
        else:
            assert pair.chosen == "I don't know"


def test_a_teacher_without_a_model_or_a_key_is_one_sentence(
    finished: Finished, here: Command, tmp_path: Path
) -> None:
    ask = ("pairs", "--name", "tiny", "--source", "teacher")
    ran = here(*ask, home=tmp_path)
    assert ran.code == 1 and "need its model" in ran.err
    ran = here(*ask, "--model", "m", "--key-env", "NO_SUCH_KEY_HERE", home=tmp_path)
    assert ran.code == 1 and "NO_SUCH_KEY_HERE" in ran.err and "Traceback" not in ran.err


def test_other_sources_do_not_hang_on_the_teachers_settings() -> None:
    assert checked_spec("pairs", {"experiment": "x", "source": "samples"})
