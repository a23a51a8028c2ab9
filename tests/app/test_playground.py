"""The playground on a real server: its endpoints, its queue, stopping, leaving. The engine is scripted."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from app import playground
from app.play.api import described
from app.play.setups import SetUp
from app.play.view import begun
from engine.errors import ModelError
from engine.inference.events import Event
from storage import votes
from storage.db import connect
from tests.app.scripted import QUESTION, ScriptedDesk, accepted, escalated

PATIENCE = 60
HOME_AS_KEY = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "key_env": "HOME"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    return tmp_path


Serve = Callable[..., Client]


@pytest.fixture
def serve(home: Path) -> Iterator[Serve]:
    """Starts a playground on a desk and gives a client of it."""
    running = []

    def started(desk: ScriptedDesk, **options: Any) -> Client:
        blocks = playground.build(desk, **options)
        _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, **playground.settings())
        running.append(blocks)
        return Client(url, verbose=False)

    yield started
    for blocks in running:
        blocks.close(verbose=False)


def test_ask_gives_the_whole_trace(serve: Serve) -> None:
    client = serve(ScriptedDesk(lambda question, setup: list(escalated())))
    given = client.predict(QUESTION, "space", api_name="/ask")
    assert given["answer"] == "1655" and given["tier"] == "large" and given["done"] is True
    assert given["citations"] == [
        {"bullet": 2, "document": "titan", "title": "Titan", "start": 127, "end": 168, "place": ""}
    ]
    assert given["verdict"]["parts"] == {"coverage": 1.0, "numbers": 1.0, "agreement": 0.5}
    assert given["verdict"]["score"] == 0.91 and given["tokens"]["prompt"] == 80
    assert given["ms"] == {"retrieve": 12.0, "draft": 80.0} and given["experiment"] == "space"
    assert given["setup"]["tiers"] == ["adapter", "large"] and given["setup"]["answer"]["tau"] == 0.2027
    assert given["warnings"] == ["the adapter was trained on another index"] and given["error"] == ""


def test_ask_streams_what_is_known_and_takes_the_newest_experiment_and_settings(serve: Serve) -> None:
    asked: list[Any] = []
    client = serve(ScriptedDesk(lambda question, setup: asked.append((question, setup)) or list(accepted())))
    job = client.submit(QUESTION, "", {"tiers": ["small"], "k": 5}, api_name="/ask")
    steps = list(job)
    assert steps[0]["done"] is False and steps[-1]["answer"] == "Christiaan Huygens"
    assert steps[-1]["experiment"] == "space" and steps[-1]["warnings"] == []
    ((question, setup),) = asked
    assert question == QUESTION and setup.tiers == ("small",) and setup.answer.k == 5


def test_the_draft_is_known_while_it_is_written() -> None:
    """It was empty until it was whole, so that nothing was streamed."""
    drafts, setup = [], SetUp(tiers=("small",))
    view = begun(QUESTION, setup)
    for event in accepted()[2:6]:
        view.take(event)
        drafts.append(described(ScriptedDesk(), "space", setup, view)["draft"])
    assert drafts == ["", "Christiaan", "Christiaan Huygens", "Christiaan Huygens [2]"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("", "space"), "The question is empty"),
        (("x" * 100_000, "space"), "has 100,000 characters"),
        ((QUESTION, "nowhere"), "There is no experiment 'nowhere' yet"),
        ((QUESTION, "../../etc"), "There is no experiment '../../etc' yet"),
        ((QUESTION, "space", {"tiers": ["teacher"]}), "no such tier"),
        ((QUESTION, "space", {"k": 10_000}), "setting k = '10000' cannot be used"),
        ((QUESTION, "space", {"tiers": ["endpoint"]}), "say where the endpoint is"),
        ((QUESTION, "space", {"endpoint": "http://127.0.0.1:9/v1"}), "The endpoint is an object"),
        ((QUESTION, "space", {"tiers": ["endpoint"], "endpoint": HOME_AS_KEY}), "ends in _API_KEY"),
    ],
)
def test_what_cannot_be_asked_is_an_error_with_its_sentence(
    module_client: Client, arguments: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(AppError, match=said):
        module_client.predict(*arguments, api_name="/ask")


@pytest.fixture(scope="module")
def module_client() -> Iterator[Client]:
    blocks = playground.build(ScriptedDesk())
    _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, **playground.settings())
    yield Client(url, verbose=False)
    blocks.close(verbose=False)


def test_what_fails_on_the_way_keeps_what_was_known(serve: Serve) -> None:
    def script(question: str, setup: Any) -> list[Event | Exception]:
        return [*accepted()[:6], ModelError("The endpoint does not answer: start it.")]

    given = serve(ScriptedDesk(script)).predict(QUESTION, "space", api_name="/ask")
    assert given["error"] == "The endpoint does not answer: start it." and given["done"] is True
    assert [bullet["number"] for bullet in given["bullets"]] == [1, 2] and "retrieve" in given["ms"]


def test_compare_then_vote(serve: Serve, home: Path) -> None:
    client = serve(ScriptedDesk())
    compared = client.predict(QUESTION, "space", ["small", "large"], api_name="/compare")
    assert [side["name"] for side in compared["sides"]] == ["small", "large"]
    assert [side["setup"]["tiers"] for side in compared["sides"]] == [["small"], ["large"]]
    assert "cascade: small + adapter, then large" in compared["offered"]
    voted = client.predict(compared["comparison"], "left", api_name="/vote")
    assert voted["vote"] == "left" and voted["standing"].startswith("First: large. Second: small. 0 to 1")
    (row,) = votes.read(connect(home), "space")
    assert (row["left_name"], row["right_name"], row["vote"]) == ("small", "large", "left")
    with pytest.raises(AppError, match="has its vote"):
        client.predict(compared["comparison"], "left", api_name="/vote")


def test_read_only_has_no_votes_and_writes_nothing(serve: Serve, home: Path) -> None:
    client = serve(ScriptedDesk(), read_only=True)
    names = set(client.view_api(print_info=False, return_format="dict")["named_endpoints"])
    assert names == {"/ask", "/compare"}
    client.predict(QUESTION, "space", api_name="/compare")
    assert list(home.iterdir()) == []


def test_two_people_wait_in_one_queue_and_see_their_place(serve: Serve) -> None:
    desk = ScriptedDesk()
    desk.gate = threading.Event()
    client = serve(desk)
    first = client.submit(QUESTION, "space", api_name="/ask")
    assert desk.reached.wait(PATIENCE)
    second = client.submit(QUESTION, "space", api_name="/compare")
    seen = threading.Event()

    def look() -> None:
        while not seen.is_set():
            if second.status().rank is not None:
                seen.set()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    assert seen.wait(PATIENCE)
    desk.gate.set()
    assert first.result(PATIENCE)["done"] and len(second.result(PATIENCE)["sides"]) == 2
    assert desk.most == 1 and desk.running == 0


def freed(desk: ScriptedDesk) -> bool:
    """Whether the desk becomes free before patience ends."""
    free = threading.Event()

    def look() -> None:
        while desk.running and not free.wait(0.05):
            pass
        free.set()

    threading.Thread(target=look, daemon=True).start()
    return free.wait(PATIENCE)


def test_a_question_that_is_cancelled_frees_the_model(serve: Serve) -> None:
    desk = ScriptedDesk()
    desk.gate = threading.Event()
    job = serve(desk).submit(QUESTION, "space", api_name="/ask")
    next(iter(job))  # before that the client does not know what to cancel
    assert desk.reached.wait(PATIENCE) and desk.running == 1
    job.cancel()
    assert freed(desk) and desk.closed == 1


def test_a_closed_tab_frees_the_model(serve: Serve) -> None:
    """As a browser does it: join the queue, listen, and hang up in the middle."""
    desk = ScriptedDesk()
    desk.gate = threading.Event()
    client = serve(desk)
    number = next(one["id"] for one in client.config["dependencies"] if one["api_name"] == "ask")
    joined = {"data": [QUESTION, "space", None], "fn_index": number, "session_hash": "tab"}
    base = f"{client.src.rstrip('/')}/gradio_api/queue"
    with httpx.Client(timeout=PATIENCE) as browser:
        assert browser.post(f"{base}/join", json=joined).status_code == 200
        with browser.stream("GET", f"{base}/data", params={"session_hash": "tab"}) as stream:
            assert any("process_generating" in line for line in stream.iter_lines())
            assert desk.running == 1
    assert freed(desk) and desk.closed == 1


def test_without_an_experiment_it_says_what_to_run(home: Path) -> None:
    desk = ScriptedDesk()
    desk.gone = {"space", "rust"}
    config = str(playground.build(desk).get_config_file())
    assert "python -m jobs quickstart" in config


def test_nothing_is_fetched_tracked_or_read_from_elsewhere() -> None:
    settings = playground.settings()
    assert settings["footer_links"] == [] and settings["ssr_mode"] is False
    assert settings["show_error"] is False and settings["blocked_paths"]
    config = playground.build(ScriptedDesk()).get_config_file()
    kinds = {component["type"] for component in config["components"]}
    assert not kinds & {"file", "image", "uploadbutton", "downloadbutton", "multimodaltextbox"}
    assert config["analytics_enabled"] is False
    assert "googleapis" not in str(settings["theme"]._get_theme_css()) and not settings["theme"]._stylesheets
