"""The teacher: JSON out of prose, caps that hold, and no call paid twice, whatever stops the run."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.structured import parse
from engine.data.teacher import Request, Teacher, TeacherSpec, chat
from engine.errors import EndpointError
from engine.progress import Metric, Progress
from tests.commands import ROOT, environment
from tests.servers import Server, serving

SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["question"],
}
GOOD = {"question": "Why?", "n": 1}


def teacher(server: Server, cache: Path | None = None, **fields: Any) -> Teacher:
    settings = {
        "base_url": server.url,
        "model": "tiny",
        "timeout": 30,
        "retries": 0,
        "price_in": 1.0,
        "price_out": 2.0,
    }
    return Teacher(TeacherSpec(**settings | fields), cache)


def requests(count: int, **fields: Any) -> list[Request]:
    return [Request(chat("Answer.", f"Question {n}?"), **fields) for n in range(count)]


def user(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


# JSON


@pytest.mark.parametrize(
    "text",
    [
        '{"question": "Why?", "n": 1}',
        'Sure! Here it is:\n```json\n{"question": "Why?", "n": 1}\n```\nAnything else?',
        'The answer is {"question": "Why?", "n": 1} as you asked.',
        '{"question": "Why?", "n": 1,}',
        "{“question”: “Why?”, “n”: 1}",
        '{"n": 1, "question": "Why?',
        '{"n": 1, "question": "Why?"',
        '[1] says so: {"question": "Why?", "n": 1}',
        '<think>{"question": or [1]?</think>\n{"question": "Why?", "n": 1}',
        pytest.param(f'<think>{"{}" * 200_000}</think>{{"question": "Why?", "n": 1}}', id="a long thought"),
    ],
)
def test_json_is_taken_out_of_what_models_say(text: str) -> None:
    assert parse(text, SCHEMA) == (GOOD, "")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("I can't do that.", "no JSON"),
        ("", "no JSON"),
        ('<think>Perhaps {"question": "Why?", "n": 1}? Or', "no JSON"),
        ('{"n": 1}', "'question' is a required property"),
        ('{"question": "a", "n": "one"}', "n: 'one' is not of type"),
        ('{"question": ', "broken JSON"),
        ("[" * 100_000, "broken JSON"),
    ],
)
def test_what_is_wrong_with_an_answer_is_one_sentence(text: str, wrong: str) -> None:
    value, said = parse(text, SCHEMA)
    assert value is None and wrong in said and len(said) < 300


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=5), values, min_size=1, max_size=4), st.text("abc \n", max_size=10))
def test_any_object_in_prose_comes_back_as_it_was(value: dict[str, Any], prose: str) -> None:
    assert parse(f"{prose}{json.dumps(value)}{prose}", {"type": "object"}) == (value, "")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    value, wrong = parse(text, SCHEMA)
    assert (value is None) == bool(wrong)


# Asking


def test_answers_come_to_their_places_with_bounded_concurrency() -> None:
    gate = threading.Barrier(3, timeout=30)

    def answer(body: dict[str, Any]) -> str:
        gate.wait()  # three at a time, or none would come
        return user(body)

    with serving(answer) as server:
        asked = teacher(server, concurrency=3)
        found = {one.place: one.text for one in asked.ask(requests(12))}
    assert found == {n: f"Question {n}?" for n in range(12)}
    assert server.most_running == 3
    assert (asked.spent.calls, asked.spent.prompt_tokens, asked.spent.completion_tokens) == (12, 240, 48)
    assert asked.spent.cost == pytest.approx((240 * 1 + 48 * 2) / 1e6)


def test_equal_requests_are_asked_once_and_samples_are_not_equal() -> None:
    with serving() as server:
        same = requests(1) * 5 + requests(1, sample=1, temperature=1.0)
        found = list(teacher(server).ask(same))
    assert sorted(one.place for one in found) == [0, 1, 2, 3, 4, 5] and len(server.seen) == 2


def test_a_schema_goes_to_the_server_and_a_server_without_is_asked_plainly() -> None:
    with serving(lambda body: json.dumps(GOOD), script=["well", 400]) as server:
        asked = teacher(server, concurrency=1)
        first = list(asked.ask(requests(1, schema=SCHEMA)))
        second = list(
            asked.ask([Request(chat("x", "y"), schema=SCHEMA), Request(chat("x", "z"), schema=SCHEMA)])
        )
    assert all(one.value == GOOD for one in first + second)
    formats = ["response_format" in body for _, _, body in server.seen]
    assert formats == [True, True, False, False]
    sent = server.seen[0][2]["response_format"]["json_schema"]
    assert sent["strict"] and sent["schema"] == SCHEMA | {"additionalProperties": False}


def test_what_a_server_does_not_take_is_put_as_it_wants_it() -> None:
    def refusal(what: str) -> Any:
        return 400, {}, json.dumps({"error": {"message": f"Unsupported: {what}"}})

    script = [refusal("'max_tokens', use 'max_completion_tokens'"), refusal("temperature 0, only 1")]
    with serving(lambda body: json.dumps(GOOD), script=script) as server:
        asked = teacher(server, thinking=1000)
        (found,) = asked.ask(requests(1, schema=SCHEMA, max_tokens=20))
        assert found.value == GOOD and asked.spent.calls == 1
        list(asked.ask(requests(2, schema=SCHEMA, max_tokens=20)))
    for _, _, body in server.seen[2:]:
        assert body["max_completion_tokens"] == 1020 and "response_format" in body
        assert not body.keys() & {"max_tokens", "temperature"}
    with serving(script=[400, 400]) as server, pytest.raises(EndpointError, match="planned 400"):
        list(teacher(server).ask(requests(1)))
    assert len(server.seen) == 1


def test_a_request_that_is_refused_for_itself_is_one_failed_answer() -> None:
    """Refused with a schema and without: the schema is not to blame, and stays in the calls behind it."""
    with serving(lambda body: json.dumps(GOOD)) as server:
        asked = teacher(server, concurrency=1)
        (first,) = asked.ask(requests(1, schema=SCHEMA))
        server.script.extend([400, 400])
        found = list(asked.ask([Request(chat("x", word), schema=SCHEMA) for word in "yz"]))
    assert first.value == GOOD and "planned 400" in found[0].wrong and found[1].value == GOOD
    assert asked.spent.failed == 1 and "response_format" in server.seen[-1][2]


def test_an_answer_in_prose_is_asked_for_again_with_what_is_wrong() -> None:
    said = iter(["Why should I?", json.dumps(GOOD)])
    with serving(lambda body: next(said)) as server:
        asked = teacher(server)
        (found,) = asked.ask(requests(1, schema=SCHEMA))
    assert found.value == GOOD and asked.spent.repaired == 1 and asked.spent.calls == 2
    assert (
        "no JSON" in user(server.seen[1][2])
        and server.seen[1][2]["messages"][-2]["content"] == "Why should I?"
    )


def test_a_teacher_that_only_answers_in_prose_is_told_apart_not_fatal() -> None:
    with serving(lambda body: "I would rather not.") as server:
        asked = teacher(server)
        (found,) = asked.ask(requests(1, schema=SCHEMA))
    assert found.value is None and "no JSON" in found.wrong
    assert (asked.spent.failed, asked.spent.calls) == (1, 2)


# Caps


def test_a_cap_of_tokens_ends_it_cleanly_and_is_never_passed(tmp_path: Path) -> None:
    with serving() as server:
        asked = teacher(server, tmp_path, most_tokens=200, concurrency=2)
        found = list(asked.ask(requests(50, max_tokens=20)))
        used = asked.spent.prompt_tokens + asked.spent.completion_tokens
        assert 0 < len(found) < 50 and used <= 200 and "200 tokens" in asked.spent.stopped
        more = teacher(server, tmp_path, concurrency=2)
        assert len(list(more.ask(requests(50, max_tokens=20)))) == 50
        assert more.spent.cached == len(found) and len(server.seen) == 50


def test_a_cap_of_money_ends_it_cleanly() -> None:
    with serving() as server:
        asked = teacher(server, most_cost=0.0003, concurrency=1)
        found = list(asked.ask(requests(50, max_tokens=20)))
    assert 0 < len(found) < 50 and asked.spent.cost <= 0.0003 and "$0.0003" in asked.spent.stopped


def test_the_cost_is_known_before_and_shown_while_it_runs(tmp_path: Path) -> None:
    said: list[str] = []

    def report(one: Progress | Metric) -> None:
        assert isinstance(one, Progress)
        said.append(one.note)

    with serving() as server:
        asked = teacher(server, tmp_path)
        before = asked.estimate(requests(10, max_tokens=4))
        assert before.calls == 10 and server.seen == []
        list(asked.ask(requests(10, max_tokens=4), report))
        after = asked.estimate(requests(10, max_tokens=4))
    assert said[0].startswith("0 calls") and said[-1].startswith("10 calls") and "$0.0003" in said[-1]
    assert (after.calls, after.cached, after.cost) == (0, 10, 0)
    assert before.cost == pytest.approx((10 * (before.tokens / 10 - 4) + 2 * 10 * 4) / 1e6)


# The cache


def test_a_cache_that_is_not_whole_is_asked_again(tmp_path: Path) -> None:
    with serving() as server:
        list(teacher(server, tmp_path).ask(requests(2)))
        (first, _) = sorted(tmp_path.rglob("*.json"))
        first.write_text('{"reply": {"te')
        list(teacher(server, tmp_path).ask(requests(2)))
    assert len(server.seen) == 3


def test_no_key_is_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-secret-42")
    with serving() as server:
        list(teacher(server, tmp_path, key_env="TEST_KEY").ask(requests(3)))
    kept = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(kept) == 3 and not any("sk-secret-42" in text for text in kept)


def test_a_server_that_fails_for_good_is_one_sentence_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    with serving(script=["well", "well", 401]) as server:
        asked = teacher(server, tmp_path, concurrency=1)
        with pytest.raises(EndpointError, match=r"key.* 2 answers are kept: run it again"):
            list(asked.ask(requests(10)))
    assert len(list(tmp_path.rglob("*.json"))) == 2


RUN = """
import sys
from pathlib import Path
from engine.data.teacher import Request, Teacher, TeacherSpec, chat
spec = TeacherSpec(base_url=sys.argv[1], model="tiny", timeout=30, retries=0, concurrency=int(sys.argv[3]))
teacher = Teacher(spec, Path(sys.argv[2]))
asked = [Request(chat("Answer.", f"Question {n}?")) for n in range(int(sys.argv[4]))]
print(len(list(teacher.ask(asked))), teacher.spent.calls, teacher.spent.cached)
"""


def run_killed(
    tmp_path: Path, rows: int, kills: list[int], concurrency: int, how: signal.Signals
) -> tuple[Counter[str], str]:
    """Run it until it ends by itself; the server kills it while it is asked for the first time at each of
    `kills`. Returns how often each question was answered, and what the last run printed."""
    answered: Counter[str] = Counter()
    left = list(kills)
    process: list[subprocess.Popen[str]] = []
    lock = threading.Lock()

    def answer(body: dict[str, Any]) -> str:
        with lock:
            if left and sum(answered.values()) >= left[0]:
                left.pop(0)
                os.kill(process[-1].pid, how)
                if how == signal.SIGKILL:
                    raise ConnectionError  # nobody is there to be answered
            answered[user(body)] += 1
        return "yes"

    with serving(answer) as server:
        for _ in range(len(kills) + 1):
            process.append(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-c",
                        RUN,
                        server.url,
                        str(tmp_path / "cache"),
                        str(concurrency),
                        str(rows),
                    ],
                    cwd=ROOT,
                    env=environment(tmp_path),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            out, err = process[-1].communicate(timeout=240)
            if process[-1].returncode == 0:
                return answered, out
            assert process[-1].returncode in (-how, 1, 130), err
    raise AssertionError("it was killed more often than it was meant to be")


@pytest.mark.parametrize("rows", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_run_killed_three_times_goes_on_and_pays_no_call_twice(rows: int, tmp_path: Path) -> None:
    kills = [rows // 5, rows // 2, rows * 4 // 5]
    answered, out = run_killed(tmp_path, rows, kills, 1, signal.SIGKILL)
    assert len(answered) == rows and set(answered.values()) == {1}
    done, calls, cached = map(int, out.split())
    assert done == rows and calls + cached == rows and cached >= rows * 4 // 5


def test_a_run_stopped_by_hand_keeps_what_is_under_way(tmp_path: Path) -> None:
    answered, out = run_killed(tmp_path, 60, [12, 30, 45], 4, signal.SIGINT)
    assert len(answered) == 60 and set(answered.values()) == {1}
    assert int(out.split()[0]) == 60
