"""What a browser may send as a set-up or a question, and what is said to the rest; votes on comparisons."""

from pathlib import Path
from typing import Any

import pytest

from app.play import port, versus
from app.play.ask import chosen
from app.play.compare import Table, begin, record, run
from app.play.compare import chosen as picked
from app.play.setups import LONGEST, SetUp, asked, made, presets
from engine.errors import ConfigError, ModelError
from engine.inference.spec import AnswerSpec
from storage import votes
from storage.db import connect
from tests.app.scripted import QUESTION, ScriptedDesk, accepted, escalated

BASE = AnswerSpec(tau=0.2, accept=0.7)
STRIP: tuple[Any, ...] = (
    ["adapter", "large"],
    3,
    6,
    "short",
    0.7,
    0.2,
    0,
    0,
    0.7,
    True,
    True,
    False,
    *[""] * 3,
    0,
    0,
)


@pytest.mark.parametrize("question", ["", "  \n", None, 7, "???", "\u200b"])
def test_an_empty_question_is_said(question: object) -> None:
    with pytest.raises(ConfigError, match="The question is empty: write one"):
        asked(question)


def test_a_question_of_a_hundred_thousand_characters_is_said_with_its_length() -> None:
    with pytest.raises(ConfigError, match=r"has 100,000 characters and 2,000 can be asked"):
        asked("x" * 100_000)
    assert asked("x" * LONGEST)


@pytest.mark.parametrize(
    "question", ["Кто открыл Титан?", "タイタンを発見したのは誰ですか", "من اكتشف تيتان؟"]
)
def test_another_script_can_be_asked(question: str) -> None:
    assert asked(f"  {question}\n") == question


def test_tiers_are_asked_in_their_order_each_once() -> None:
    assert made(["large", "small", "large"], {}, BASE).tiers == ("small", "large")


@pytest.mark.parametrize(
    ("tiers", "settings", "said"),
    [
        ([], {}, "choose at least one tier"),
        (["../etc/passwd"], {}, "input should be 'small', 'adapter'"),
        (["small"], {"k": 0}, "setting k = '0' cannot be used"),
        (["small"], {"k": "many"}, "setting k = 'many' cannot be used"),
        (["small"], {"bullets": 9}, "less than or equal to 8"),
        (["small"], {"shape": "<b>"}, "setting shape = '<b>' cannot be used"),
        (["small"], {"device": "cuda"}, "setting device = 'cuda' cannot be used"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(tiers: list[str], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(tiers, settings, BASE)


def test_the_strip_gives_the_defaults_back_to_the_last_digit() -> None:
    offer = ScriptedDesk().offer("space")
    setup = chosen(offer, STRIP)
    assert setup == SetUp(tiers=("adapter", "large"), answer=offer.answer)
    assert setup.answer.tau == 0.2027
    moved = chosen(offer, (*STRIP[:5], 0.25, *STRIP[6:]))
    assert moved.answer.tau == 0.25


def test_an_endpoint_is_a_tier_of_its_own_with_the_name_of_its_key() -> None:
    offer = ScriptedDesk().offer("space")
    place = (" http://127.0.0.1:8000/v1/ ", "llama", "GROQ_API_KEY", 4096, 70_000)
    setup = chosen(offer, (["endpoint", "small"], *STRIP[1:12], *place))
    assert setup.tiers == ("small", "endpoint") and setup.endpoint is not None
    assert setup.endpoint.base_url == "http://127.0.0.1:8000/v1" and setup.endpoint.key_env == "GROQ_API_KEY"
    assert "llama" in setup.label and (setup.endpoint.window, setup.endpoint.price) == (4096, 70_000)
    assert chosen(offer, (*STRIP[:12], *place)).endpoint is None  # where its tier is not chosen


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("", "", ""), "give a url"),
        (("file:///etc/passwd", "m", ""), "give a url"),
        (("http://me:secret@x/v1", "m", ""), "must hold no name, password or query"),
        (("http://127.0.0.1:8000/v1", "", ""), "setting model = '' cannot be used"),
        (("http://127.0.0.1:8000/v1", "m", "sk-abcdef"), "ends in _API_KEY"),
        (("http://127.0.0.1:8000/v1", "m", "AWS_SECRET_ACCESS_KEY"), "ends in _API_KEY"),
        (("http://127.0.0.1:8000/v1", "m", "HOME"), "ends in _API_KEY"),
        (("http://127.0.0.1:8000/v1", "m", "", -1, 0), "setting window = '-1' cannot be used"),
        (("http://127.0.0.1:8000/v1", "m", "", 0, float("nan")), "setting price = 'nan' cannot be used"),
        (("http://127.0.0.1:8000/v1", "m", "", "many"), "setting window = 'many' cannot be used"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_said(place: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chosen(
            ScriptedDesk().offer("space"), (["endpoint"], *STRIP[1:12], *place, *[None] * (5 - len(place)))
        )


def test_an_endpoint_without_a_place_is_said() -> None:
    with pytest.raises(ConfigError, match="say where the endpoint is: its base URL and its model"):
        made(["endpoint"], {}, BASE)
    with pytest.raises(ConfigError, match="and no 'key'"):
        made(["endpoint"], {}, BASE, {"base_url": "http://x/v1", "model": "m", "key": "sk-1"})


@pytest.mark.parametrize("tiers", [None, "large", ["teacher"], [7]])
def test_the_strip_takes_offered_tiers_only(tiers: Any) -> None:
    with pytest.raises(ConfigError, match="Choose tiers among small, adapter, reader, large, endpoint"):
        chosen(ScriptedDesk().offer("space"), (tiers, *STRIP[1:]))


def test_presets_need_their_tiers() -> None:
    every = presets(("small", "adapter", "reader", "large"), BASE, ("adapter", "large"))
    assert next(iter(every)) == "cascade: small + adapter, then large"
    assert every["large"].answer.accept is None and every["large, no evidence"].answer.evidence is False
    assert len({setup.label for setup in every.values()}) == len(every)
    calibrated = presets(("small", "adapter", "reader", "large"), BASE, ("small", "reader", "large"))
    assert list(calibrated)[:2] == ["cascade: small, then reader, then large", "small"]
    assert list(presets(("small",), BASE, ("small",))) == [
        "small",
        "small, whole chunks",
        "small, no evidence",
    ]


@pytest.mark.parametrize("given", ["0", "65536", "http", "-1", "78 60"])
def test_a_port_that_is_none_is_said(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANTAM_PLAYGROUND_PORT", given)
    with pytest.raises(ConfigError, match="BANTAM_PLAYGROUND_PORT"):
        port()


# Comparing and voting


def two() -> dict[str, SetUp]:
    return {name: made([name], {}, BASE) for name in ("small", "large")}


def compared(table: Table, desk: ScriptedDesk | None = None, *, blind: bool = False) -> Any:
    begun = begin("space", QUESTION, two(), blind=blind)
    table.put(begun)
    for _ in run(desk or ScriptedDesk(), begun):
        pass
    return begun


def test_sides_run_one_after_the_other() -> None:
    desk = ScriptedDesk()
    begun = compared(Table(), desk)
    assert begun.done and desk.closed == 2 and desk.most == 1
    assert all(side.view.trace.answer.text == "Christiaan Huygens" for side in begun.sides)


def test_a_vote_is_kept_with_all_that_a_preference_pair_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    table = Table()
    begun = compared(table)
    standing = record(table.claim(begun.id, "right"))
    assert standing.startswith("First: large. Second: small. 0 to 1, 0 ties, both bad 0: undecided") is (
        begun.sides[1].name == "small"
    )
    (row,) = votes.read(connect(tmp_path), "space")
    side = row["left_side"]
    assert row["vote"] == "right" and row["question"] == QUESTION
    assert side["raw"] == "Christiaan Huygens [2]" and side["setup"]["tiers"] == ["small"]
    assert (
        QUESTION in side["prompt"][-1]["content"]
        and "[2] Christiaan Huygens" in side["prompt"][-1]["content"]
    )
    assert [bullet["number"] for bullet in side["bullets"]] == [1, 2] and side["trace"]["prompt_tokens"] == 80


def test_there_is_one_vote_on_a_comparison() -> None:
    table = Table()
    begun = compared(table)
    table.claim(begun.id, "tie")
    with pytest.raises(ConfigError, match="has its vote"):
        table.claim(begun.id, "left")


@pytest.mark.parametrize("identity", ["", "nothing", "../../lab.db", None, ["x"]])
def test_nobody_votes_on_what_was_not_compared(identity: object) -> None:
    with pytest.raises(ConfigError, match="no such comparison"):
        Table().claim(identity, "left")


def test_another_word_is_no_vote_and_costs_none() -> None:
    table = Table()
    begun = compared(table)
    with pytest.raises(ConfigError, match="cannot be counted: use left, right, tie, bad"):
        table.claim(begun.id, "<b>left</b>")
    assert table.claim(begun.id, "left").vote == "left"


def test_a_side_that_failed_cannot_be_voted_on() -> None:
    table = Table()
    desk = ScriptedDesk(lambda question, setup: [*accepted()[:2], ModelError("gone")])
    begun = compared(table, desk)
    assert begun.done and begun.sides[0].view.error == "gone"
    with pytest.raises(ConfigError, match="Both set-ups have to answer"):
        table.claim(begun.id, "left")


def test_a_blind_comparison_is_of_two_and_hides_their_names_until_the_vote() -> None:
    table = Table()
    begun = compared(table, blind=True)
    assert begun.hidden and not table.claim(begun.id, "bad").hidden
    three = two() | {"reader": made(["reader"], {}, BASE)}
    with pytest.raises(ConfigError, match="a blind comparison has two"):
        begin("space", QUESTION, three, blind=True)


def test_a_blind_side_is_seen_when_both_have_answered() -> None:
    """A draft that was replaced once told the cascade, and the pace of the words the larger model."""
    made = begin("space", QUESTION, two(), blind=True)
    running = run(ScriptedDesk(lambda question, setup: list(escalated())), made)
    seen = [[versus.column(made, place) for place in (0, 1)] for _ in running]
    *early, last = seen
    assert len(early) > 8 and all("Shown when both have answered" in side for pair in early for side in pair)
    assert all("1655" in side and "1969" not in side for side in last)


def test_the_order_of_a_blind_comparison_is_drawn() -> None:
    firsts = {begin("space", QUESTION, two(), blind=True).sides[0].name for _ in range(64)}
    assert firsts == {"small", "large"}  # all alike once in 2**63
    assert {begin("space", QUESTION, two(), blind=False).sides[0].name for _ in range(8)} == {"small"}


def test_one_set_up_is_no_comparison_and_five_are_too_many() -> None:
    setups = presets(("small", "adapter", "reader", "large"), BASE, ("adapter", "large"))
    for names in (list(setups)[:1], list(setups)[:5]):
        with pytest.raises(ConfigError, match="compare 2 to 4 of them"):
            begin("space", QUESTION, picked(setups, names), blind=False)
    with pytest.raises(ConfigError, match="no set-up 'teacher'"):
        picked(setups, ["teacher"])


def test_the_oldest_comparison_goes() -> None:
    from app.play import compare

    table = Table()
    first = compared(table)
    for _ in range(compare.KEPT):
        table.put(begin("space", QUESTION, two(), blind=False))
    with pytest.raises(ConfigError, match="no such comparison"):
        table.get(first.id)
