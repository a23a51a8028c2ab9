"""Preference pairs: ties, small margins and pairs that only differ in length are dropped with counts; TRL
takes what is exported."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from engine.data import export, pairs
from engine.data.records import Chat, Corpus, Document, Message, Pair, Question
from engine.data.structured import complaint
from engine.data.teacher import Teacher, TeacherSpec
from engine.errors import DataError
from engine.inference.prompt import answer_messages, parse
from engine.inference.trace import Bullet, Draft, Trace, Verdict
from engine.training.examples import Row
from tests.servers import serving

PROMPT = answer_messages("Who found the moons?", ["Asaph Hall found both.", "Mars is red."])
OTHER = answer_messages("Who found the moons?", ["Mars is red."])


def pair(chosen: str, rejected: str, margin: float | None = None, origin: str = "file") -> Pair:
    return Pair("", tuple(Message(m["role"], m["content"]) for m in PROMPT), chosen, rejected, origin, margin)


def test_ties_small_margins_unlike_lengths_and_repeats_are_dropped_with_counts() -> None:
    made = pairs.choose(
        [
            pair("Asaph Hall [1]", "Mars [2]", 0.5),
            pair("Asaph Hall [1]", "Mars [2]", 0.5),
            pair("Asaph Hall [1]", "asaph  hall [1]", 0.5),
            pair("Asaph Hall [1]", "Hall", 0.05),
            pair("word " * 30, "word " * 10),
            pair("word " * 16, "word " * 10 + "x"),
            pair("", "Mars"),
            pair("Asaph Hall found both of them [1]", "Mars [2]"),
        ],
        margin=0.1,
    )
    assert made.counts == {
        pairs.KEPT: 3,
        pairs.REPEATED: 1,
        pairs.TIE: 1,
        pairs.CLOSE: 1,
        pairs.LENGTH: 1,
        pairs.EMPTY: 1,
    }
    assert [one.id for one in made.pairs] == ["file-00001", "file-00002", "file-00003"]


def test_the_best_sample_stands_against_the_worst() -> None:
    made = pairs.from_ranked(PROMPT, [("Mars [2]", 0.2), ("Asaph Hall [1]", 0.9), ("Hall [1]", 0.6)])
    assert made and (made.chosen, made.rejected, made.margin, made.origin) == (
        "Asaph Hall [1]",
        "Mars [2]",
        0.7,
        "on-policy",
    )
    assert pairs.from_ranked(PROMPT, [("one", 1.0)]) is None


def side(raw: str, prompt: Any = None, refused: bool = False) -> dict[str, Any]:
    return {"prompt": prompt or PROMPT, "raw": raw, "refused": refused}


def test_votes_become_pairs_unless_they_are_ties_or_cite_what_was_not_shown() -> None:
    def vote(number: int, which: str, left: Any, right: Any) -> dict[str, Any]:
        return {"id": number, "vote": which, "left_side": left, "right_side": right}

    made = pairs.from_votes(
        [
            vote(1, "left", side("Asaph Hall [1]"), side("Mars [2]")),
            vote(2, "right", side("Mars [2]"), side("Asaph Hall [1]")),
            vote(3, "tie", side("a"), side("b")),
            vote(4, "bad", side("a"), side("b")),
            vote(5, "left", side("Asaph Hall [1]"), side("Mars [1]", OTHER)),
            vote(6, "left", side("Asaph Hall [1]"), side("I don't know", OTHER, refused=True)),
        ]
    )
    assert [(one.id, one.chosen, one.rejected) for one in made] == [
        ("vote-1", "Asaph Hall [1]", "Mars [2]"),
        ("vote-2", "Asaph Hall [1]", "Mars [2]"),
        ("vote-6", "Asaph Hall [1]", "I don't know"),
    ]


def test_an_escalation_whose_later_answer_stood_is_a_pair() -> None:
    def draft(tier: str, raw: str, score: float, supported: bool = True) -> Draft:
        answer = replace(parse(raw, 2), citations=(1,))
        return Draft(tier, answer, Verdict(supported, score))

    first, doubted = draft("small", "Mars [2]", 0.2, False), draft("large", "Hall", 0.3, False)
    reader, large = draft("reader", "Asaph Hall", 0.8), draft("large", "Asaph Hall [2]", 0.9)
    sure = draft("small", "Asaph Hall [1]", 0.9)
    traces = [
        ("reader", (first, reader)),
        ("large", (first, reader, large)),
        ("large", (first, doubted)),
        ("small", (sure, reader)),
        ("small", (sure,)),
        ("", ()),
    ]
    made = [
        pairs.from_escalation(asdict(Trace("Who?", sure.answer, tier=tier, drafts=drafts)), PROMPT)
        for tier, drafts in traces
    ]
    found = [(one.chosen, one.rejected, one.margin) for one in made if one]
    assert found == [("Asaph Hall [1]", "Mars [2]", 0.6), ("Asaph Hall [1]", "Mars [2]", 0.7)]
    assert made[2:] == [None] * 4, "nobody's stood, or the first tier's own did"


def test_a_teacher_writes_a_good_and_a_mediocre_answer() -> None:
    said = {"good": "Asaph Hall [1]", "mediocre": "Mars [2]"}
    with serving(lambda body: json.dumps(said)) as server:
        teacher = Teacher(TeacherSpec(base_url=server.url, model="tiny"), None)
        (answer,) = teacher.ask([pairs.asking(PROMPT)])
        assert "Asaph Hall found both" in server.seen[0][2]["messages"][1]["content"]
    made = pairs.from_teacher(PROMPT, answer.value)
    assert (made.chosen, made.rejected, made.origin) == ("Asaph Hall [1]", "Mars [2]", "teacher")
    assert complaint({"good": "x"}, pairs.MEDIOCRE) and not complaint(said, pairs.MEDIOCRE)


BULLETS = [
    Bullet(1, "Asaph Hall found both moons.", "d", 0, 0, 28, 1.0),
    Bullet(2, "Mars is red.", "d", 0, 29, 41, 0.5),
]


@pytest.mark.parametrize(
    ("good", "mediocre", "golds", "verdict"),
    [
        ("Asaph Hall [1]", "Mars [2]", ("Asaph Hall",), pairs.KEPT),
        ("Asaph Hall [1]", "Asaph Hall [2]", ("Asaph Hall",), pairs.KEPT),
        ("Asaph Hall [1]", "I don't know", ("Asaph Hall",), pairs.KEPT),
        ("Asaph Hall [2]", "Mars [2]", ("Asaph Hall",), pairs.WRONG),
        ("Asaph Hall", "Mars [2]", ("Asaph Hall",), pairs.WRONG),
        ("I don't know", "Mars [2]", ("Asaph Hall",), pairs.WRONG),
        ("Asaph Hall [1]", "It was Asaph Hall [1]", ("Asaph Hall",), pairs.RIGHT),
        ("I don't know", "Mars [2]", ("Galileo",), pairs.KEPT),
        ("Galileo [1]", "Mars [2]", ("Galileo",), pairs.WRONG),
        ("I don't know", "Mars [2]", (), pairs.KEPT),
        ("I don't know", "I do not know.", (), pairs.RIGHT),
    ],
)
def test_a_teachers_pair_is_believed_as_far_as_the_known_answer_bears_it_out(
    good: str, mediocre: str, golds: tuple[str, ...], verdict: str
) -> None:
    assert pairs.trusted(parse(good, 2), parse(mediocre, 2), BULLETS, golds) == verdict


# Export


@pytest.mark.slow  # importing trl
def test_trl_reads_exported_pairs_as_the_conversations_they_are(tmp_path: Path) -> None:
    from datasets import load_from_disk
    from trl.data_utils import is_conversational

    export.write(tmp_path, "preference", export.preferences([pair("Asaph Hall [1]", "Mars [2]")]))
    (row,) = load_from_disk(str(tmp_path / "preference"))
    assert is_conversational(row) and row["prompt"] == PROMPT
    assert row["chosen"] == [{"role": "assistant", "content": "Asaph Hall [1]"}]
    assert json.loads((tmp_path / "preference.jsonl").read_text()) == row


@pytest.mark.parametrize("folder", ["bantam-small", "smollm2-base"])
def test_served_rows_come_back_token_for_token_and_only_answers_are_learned(
    folder: str, embedded_tokenizer: Any
) -> None:
    from engine.inference.prompt import completion_ids, prompt_ids

    tokenizer = embedded_tokenizer(folder)
    row = Row(prompt_ids(tokenizer, PROMPT), completion_ids(tokenizer, "Asaph Hall [1]"), "grounded")
    (text,) = export.served([row], tokenizer)
    for part, tokens in (("prompt", row.prompt), ("completion", row.completion)):
        assert tokenizer(text[part], add_special_tokens=False)["input_ids"] == tokens
    pieces = export.preview(row, tokenizer)
    assert len(pieces) == row.length and sum(piece.learned for piece in pieces) == len(row.completion)
    assert "Asaph Hall [1]" in "".join(piece.text for piece in pieces if piece.learned)
    assert "Question" not in "".join(piece.text for piece in pieces if piece.learned)


def test_a_chat_is_learned_from_its_last_turn() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"), Message("assistant", "d"))
    (row,) = export.chats([Chat("x", turns)])
    assert [message["content"] for message in row["prompt"]] == ["a", "b", "c"]
    assert row["completion"] == [{"role": "assistant", "content": "d"}]


def test_plain_records_and_nothing_to_export(tmp_path: Path) -> None:
    found = export.plain(Corpus((Document("d", "D", "text"),), (Question("q", "Q?", ("a",)),)))
    assert set(found) == {"documents", "questions"} and found["questions"][0]["question"] == "Q?"
    with pytest.raises(DataError, match="nothing to export as pairs"):
        export.write(tmp_path, "pairs", [])
