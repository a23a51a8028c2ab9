"""The client of OpenAI-compatible servers: what may pass is tried again, what will not is one sentence, and
the key goes nowhere but into its header."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.endpoint import Endpoint, EndpointSpec
from engine.errors import ConfigError, EndpointError
from engine.wire import Reply
from tests.servers import Server, real_server, serving

ASK = [{"role": "user", "content": "What is the capital of France?"}]
KEY = "sk-secret-0123456789"


@contextmanager
def asked(server: Server, waits: list[float] | None = None, **spec: Any) -> Iterator[Endpoint]:
    """An endpoint on the server that notes its waits instead of waiting."""
    settings = {"base_url": server.url, "model": "tiny", "timeout": 20} | spec
    with Endpoint(EndpointSpec(**settings), sleep=(waits if waits is not None else []).append) as endpoint:
        yield endpoint


def pieces(found: list[str | Reply]) -> tuple[str, Reply]:
    *said, reply = found
    assert isinstance(reply, Reply) and all(isinstance(piece, str) for piece in said)
    return "".join(map(str, said)), reply


def test_an_answer_comes_with_its_counts_and_options_go_through() -> None:
    with serving() as server, asked(server) as endpoint:
        reply = endpoint.chat(ASK, max_tokens=7, temperature=0)
        assert endpoint.models() == ["tiny", "large"]
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Paris [1]", 20, 4)
    assert reply.finish == "stop" and reply.counted
    path, headers, body = server.seen[0]
    assert path == "/v1/chat/completions" and "Authorization" not in headers
    assert body == {"model": "tiny", "messages": ASK, "max_tokens": 7, "temperature": 0}


@pytest.mark.parametrize("fault", [429, 500, 502, 503, "drop", "cut", "prose", "odd"])
def test_a_failure_that_passes_is_tried_again(fault: Any) -> None:
    waits: list[float] = []
    with serving(script=[fault, fault]) as server, asked(server, waits) as endpoint:
        assert endpoint.chat(ASK).text == "Paris [1]"
    assert len(server.seen) == 3
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (429, "too many requests"),
        (503, "planned 503"),
        ("drop", "dropped the connection"),
        ("prose", "broken JSON"),
        ("odd", "no chat completion"),
    ],
)
def test_a_failure_that_stays_is_one_sentence_with_its_tries(fault: Any, said: str) -> None:
    with serving(script=[fault] * 3) as server, asked(server, retries=2) as endpoint:
        with pytest.raises(EndpointError, match=said) as caught:
            endpoint.chat(ASK)
        assert len(server.seen) == 3
    assert (
        "(3 tries)" in str(caught.value) and "\n" not in str(caught.value) and server.url in str(caught.value)
    )


def test_an_answer_that_never_comes_is_given_up() -> None:
    with (
        serving(script=["hang"]) as server,
        asked(server, timeout=0.2, retries=0) as endpoint,
        pytest.raises(EndpointError, match="took too long"),
    ):
        endpoint.chat(ASK)


def test_a_body_that_drips_past_the_deadline_is_given_up() -> None:
    ticks = iter(range(0, 10_000, 15))
    with serving() as server:
        spec = EndpointSpec(base_url=server.url, model="tiny", timeout=10, retries=0)
        with (
            Endpoint(spec, now=lambda: float(next(ticks))) as endpoint,
            pytest.raises(EndpointError, match="took too long"),
        ):
            endpoint.chat(ASK)


def test_the_wait_a_server_asks_for_is_kept() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    waits: list[float] = []
    script = [
        (429, {"Retry-After": "7"}, ""),
        (503, {"Retry-After": later}, ""),
        (429, {"Retry-After": "x"}, ""),
    ]
    with serving(script=script) as server, asked(server, waits) as endpoint:
        endpoint.chat(ASK)
    assert waits[0] == 7 and 30 < waits[1] <= 50 and 1 <= waits[2] <= 2


def test_a_wait_of_an_hour_is_not_sat_out() -> None:
    waits: list[float] = []
    with (
        serving(script=[(429, {"Retry-After": "3600"}, "")]) as server,
        asked(server, waits) as endpoint,
        pytest.raises(EndpointError, match="3600 seconds"),
    ):
        endpoint.chat(ASK)
    assert waits == [] and len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "said"), [(400, "planned 400"), (401, "key"), (403, "key"), (404, "/v1"), (422, "planned 422")]
)
def test_what_will_not_pass_is_not_tried_again(status: int, said: str) -> None:
    with (
        serving(script=[status]) as server,
        asked(server) as endpoint,
        pytest.raises(EndpointError, match=said),
    ):
        endpoint.chat(ASK)
    assert len(server.seen) == 1


def test_nobody_there_is_said_with_the_address() -> None:
    with serving() as server:
        pass
    with (
        asked(server, retries=1) as endpoint,
        pytest.raises(EndpointError, match=r"cannot be reached \(2 tries"),
    ):
        endpoint.chat(ASK)


def test_more_than_an_answer_can_be_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.endpoint.MAX_BYTES", 1000)
    with (
        serving(lambda body: "x" * 2000) as server,
        asked(server) as endpoint,
        pytest.raises(EndpointError, match="no answer"),
    ):
        endpoint.chat(ASK)


def test_tokens_are_guessed_where_the_server_does_not_count() -> None:
    with serving(script=["silent"]) as server, asked(server) as endpoint:
        reply = endpoint.chat(ASK)
    assert not reply.counted and (reply.prompt_tokens, reply.completion_tokens) == (8, 3)


# Streams


def test_a_stream_gives_its_pieces_and_then_the_whole() -> None:
    with serving() as server, asked(server) as endpoint:
        said, reply = pieces(list(endpoint.stream(ASK)))
    assert said == reply.text == "Paris [1]" and reply.completion_tokens == 4 and reply.counted


def test_a_stream_starts_again_only_while_nothing_has_come() -> None:
    with serving(script=[503, "drop", "well", "break"]) as server, asked(server) as endpoint:
        assert pieces(list(endpoint.stream(ASK)))[0] == "Paris [1]"
        got: list[str | Reply] = []
        with pytest.raises(EndpointError, match="in the middle"):
            got.extend(endpoint.stream(ASK))
    assert len(server.seen) == 4


def test_a_listener_who_leaves_hangs_up() -> None:
    with serving() as server, asked(server) as endpoint:
        stream = endpoint.stream(ASK)
        assert next(stream) == "Par"
        stream.close()  # type: ignore[attr-defined]
        assert endpoint.chat(ASK).text == "Paris [1]"


# The key


def test_the_key_goes_into_its_header_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", f" {KEY}\n")
    echo = json.dumps({"error": {"message": f"bad key {KEY}"}})
    with (
        serving(script=["well", (400, {}, echo), (500, {}, f"no {KEY}")]) as server,
        asked(server, key_env="TEST_KEY", retries=0) as endpoint,
    ):
        endpoint.chat(ASK)
        for _ in range(2):
            with pytest.raises(EndpointError) as caught:
                endpoint.chat(ASK)
            assert KEY not in str(caught.value) and "***" in str(caught.value)
        assert KEY not in repr(endpoint) + endpoint.spec.model_dump_json()
        assert server.seen[0][1]["Authorization"] == f"Bearer {KEY}"
        assert KEY not in json.dumps(server.seen[0][2])


def test_a_missing_key_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with serving() as server, pytest.raises(ConfigError, match="TEST_KEY"), asked(server, key_env="TEST_KEY"):
        pass
    assert server.seen == []


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with (
        serving() as other,
        serving(script=[(307, {"Location": f"{other.url}/chat/completions"}, "")]) as server,
        asked(server, key_env="TEST_KEY") as endpoint,
        pytest.raises(EndpointError, match="elsewhere"),
    ):
        endpoint.chat(ASK)
    assert other.seen == []


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://api.example.org/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://10.0.0.5:8000/v1", True),
        ("http://gpu-box:8000/v1", True),
        ("http://gpu.lan/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://api.example.org/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_a_key_does_not_cross_the_open_network_unencrypted(
    url: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    spec = EndpointSpec(base_url=url, model="m", key_env="TEST_KEY")
    if fits:
        Endpoint(spec)
    else:
        with pytest.raises(ConfigError, match="https"):
            Endpoint(spec)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://x/v1", "127.0.0.1:8000", "http://", "http://a:b@host/v1", "https://h/v1?key=1", "http://h:x"],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        EndpointSpec(base_url=url, model="m")


def test_a_url_loses_the_slash_at_its_end() -> None:
    assert EndpointSpec(base_url=" http://h:1/v1/ ", model="m").base_url == "http://h:1/v1"


# A real server


@pytest.mark.slow
def test_a_real_server_answers_whole_and_streamed(tiny_model: Any, tmp_path: Path) -> None:
    folder = tiny_model("smollm2")
    with real_server(folder, tmp_path / "serve.log") as url:
        spec = EndpointSpec(base_url=url, model=str(folder), timeout=120, retries=0)
        with Endpoint(spec) as endpoint:
            reply = endpoint.chat(ASK, max_tokens=8)
            said, streamed = pieces(list(endpoint.stream(ASK, max_tokens=8)))
    assert isinstance(reply.text, str) and reply.completion_tokens <= 9
    assert said == streamed.text
