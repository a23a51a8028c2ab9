"""Chats, preferences and columns of other names: what trainers write is read, what makes no sense is one
sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.data.columns import FIELDS, check, guess, parsed
from engine.data.load import load, load_questions, preview
from engine.data.records import Chat, Message, Pair
from engine.errors import ConfigError, DataError

USER, SAID = Message("user", "What is Io?"), Message("assistant", "A moon.")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def rows(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [turn("user", "What is Io?"), turn("assistant", "A moon.")]},
        {"messages": [turn("user", [{"type": "text", "text": "What is Io?"}]), turn("assistant", "A moon.")]},
        {"conversations": [{"from": "human", "value": "What is Io?"}, {"from": "gpt", "value": "A moon."}]},
        {"prompt": "What is Io?", "completion": "A moon."},
        {"prompt": [turn("user", "What is Io?")], "completion": [turn("assistant", "A moon.")]},
        {"Instruction": "What is Io?", "input": "", "output": "A moon."},
    ],
)
def test_chats_in_any_known_shape(tmp_path: Path, row: dict[str, Any]) -> None:
    corpus = load(rows(tmp_path / "c.jsonl", row))
    assert corpus.chats == (Chat("c-1", (USER, SAID), "c.jsonl#1"),)
    assert not (corpus.documents or corpus.questions or corpus.rejected)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "What is Io?", "chosen": "A moon.", "rejected": "A star."},
        {"question": "What is Io?", "chosen": "A moon.", "rejected": "A star."},
        {"prompt": [USER._asdict()], "chosen": [SAID._asdict()], "rejected": [turn("assistant", "A star.")]},
        {
            "chosen": [USER._asdict(), SAID._asdict()],
            "rejected": [USER._asdict(), turn("assistant", "A star.")],
        },
        {
            "prompt": "What is Io?",
            "chosen": [USER._asdict(), SAID._asdict()],
            "rejected": [USER._asdict(), turn("assistant", "A star.")],
        },
    ],
)
def test_preferences_in_any_known_shape(tmp_path: Path, row: dict[str, Any]) -> None:
    corpus = load(rows(tmp_path / "p.jsonl", row))
    assert corpus.pairs == (Pair("p-1", (USER,), "A moon.", "A star.", source="p.jsonl#1"),)
    assert not corpus.rejected


def test_chats_and_pairs_that_make_no_sense_are_reported_row_by_row(tmp_path: Path) -> None:
    wrong = {
        "does not end with the assistant": {"messages": [turn("user", "x")]},
        "no user speaks": {"messages": [turn("assistant", "x")]},
        "not a list of messages": {"messages": "hello"},
        "role is none of": {"messages": [turn("narrator", "x")]},
        "content is nothing": {"messages": [turn("user", None)]},
        "a number where a message": {"messages": [3]},
        "without a completion": {"prompt": "x", "completion": ""},
        "are the same": {"prompt": "x", "chosen": "y", "rejected": " y"},
        "'rejected' is empty": {"prompt": "x", "chosen": "y", "rejected": ""},
        "without a prompt": {"chosen": "y", "rejected": "z"},
        "one answer each": {
            "prompt": "x",
            "chosen": [turn("assistant", "a"), turn("user", "b")],
            "rejected": "z",
        },
    }
    corpus = load(rows(tmp_path / "w.jsonl", *wrong.values(), {"prompt": "x", "completion": "y"}))
    assert len(corpus.chats) == 1 and [r.row for r in corpus.rejected] == list(range(1, len(wrong) + 1))
    for reason, rejected in zip(wrong, corpus.rejected, strict=True):
        assert reason in rejected.reason, rejected.reason


def test_a_clapnq_row_stays_a_question_though_it_has_input_and_output(tmp_path: Path) -> None:
    corpus = load(rows(tmp_path / "q.jsonl", {"input": "What is Io?", "output": [{"answer": "A moon."}]}))
    assert [q.answers for q in corpus.questions] == [("A moon.",)] and not corpus.chats


# Columns


def test_mapped_columns_are_read_and_others_left(tmp_path: Path) -> None:
    sheet = tmp_path / "f.csv"
    sheet.write_text("Frage;Antwort;text;nr\nWas ist Io?;ein Mond|Mond;nicht dies;7\n")
    corpus = load(sheet, columns={"question": "Frage", "answers": "Antwort", "id": "nr"})
    (question,) = corpus.questions
    assert (question.id, question.question, question.answers) == ("7", "Was ist Io?", ("ein Mond", "Mond"))
    assert not corpus.documents
    nested = rows(tmp_path / "n.jsonl", {"data": {"q": "What?"}, "gold": "x"}, {"other": 1})
    corpus = load_questions(nested, columns={"question": "data.q", "answers": "gold"})
    assert [q.question for q in corpus.questions] == ["What?"]
    assert "none of the mapped columns (data.q, gold)" in corpus.rejected[0].reason


def test_a_chat_of_other_columns(tmp_path: Path) -> None:
    file = rows(tmp_path / "x.jsonl", {"ask": "What is Io?", "good": "A moon.", "bad": "A star."})
    corpus = load(file, columns={"prompt": "ask", "chosen": "good", "rejected": "bad"})
    assert [(p.prompt, p.chosen) for p in corpus.pairs] == [((USER,), "A moon.")]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"qestion": "a"}, "did you mean question"),
        ({"question": "a", "answers": "a"}, "question and answers at once"),
        ({"title": "a"}, "nothing could be made"),
        ({"prompt": "a"}, "nothing could be made"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_one_sentence(
    mapping: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load(rows(tmp_path / "x.jsonl", {"text": "x"}), columns=mapping)
    assert "\n" not in str(caught.value)


def test_columns_that_are_not_there_are_told_those_that_are(tmp_path: Path) -> None:
    sheet = tmp_path / "x.csv"
    sheet.write_text("Frage,Antwort\na,b\n")
    with pytest.raises(DataError, match="Frage, Antwort"):
        load(sheet, columns={"question": "Question"})


@pytest.mark.parametrize(
    "text", ["question", "question=", "=x", "question=a,question=b", "question=a,answers=a"]
)
def test_a_written_mapping_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parsed(text)


def test_a_written_mapping() -> None:
    assert parsed(" question = My Question , answers=a") == {"question": "My Question", "answers": "a"}
    assert parsed("") == {}


def test_a_preview_guesses_by_name_and_by_what_stands_in_the_columns(tmp_path: Path) -> None:
    sheet = tmp_path / "x.csv"
    long = "A long text about the harbour of Velden and its lighthouse. " * 4
    sheet.write_text(f"Nr,Spalte 1,Absatz,Antwort\n1,Who was first?,{long},Ada\n2,What is next?,{long},Bo\n")
    found = preview(sheet)
    assert found.columns == ("Nr", "Spalte 1", "Absatz", "Antwort") and len(found.rows) == 2
    assert found.guess == {"answers": "Antwort", "question": "Spalte 1", "text": "Absatz"}
    corpus = load(sheet, columns=found.guess)
    assert len(corpus.questions) == 2 and corpus.questions[0].answers == ("Ada",)
    (tmp_path / "m.md").write_text("text")
    assert preview(tmp_path / "m.md").columns == ()


def test_every_guess_is_a_mapping_that_fits() -> None:
    for name in FIELDS:
        found = guess([name], [])
        assert found.get(name) == name
    check(guess(["prompt", "chosen", "rejected"], []))


@pytest.mark.parametrize("columns", [2_001, 10_000])
def test_a_sheet_with_thousands_of_columns_is_one_reason(columns: int, tmp_path: Path) -> None:
    sheet = tmp_path / "wide.csv"
    header = ["question", "answers", *(f"c{number}" for number in range(columns - 2))]
    sheet.write_text(",".join(header) + "\n" + ",".join("x" * columns) + "\n")
    with pytest.raises(DataError, match=f"{columns:,} columns are above the limit"):
        load(sheet)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    sheet = tmp_path / "x.csv"
    sheet.write_text("text,Text\na,b\n")
    with pytest.raises(DataError, match="two columns are called 'text'"):
        load(sheet)


# Offsets


def test_answers_keep_their_place_in_the_source(tmp_path: Path) -> None:
    context = "One.\r\nIo and Io\r\nand Io."
    qas = [
        {"id": "a", "question": "Which?", "answers": [{"text": "Io", "answer_start": context.rindex("Io")}]},
        {"id": "b", "question": "Which?", "answers": [{"text": " Io ", "answer_start": 14}]},
        {"id": "c", "question": "Which?", "answers": [{"text": "One"}]},
        {"id": "d", "question": "Which?", "answers": [], "is_impossible": True},
    ]
    value = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]}
    (tmp_path / "s.json").write_text(json.dumps(value))
    corpus = load(tmp_path)
    text = corpus.documents[0].text
    assert {q.id: q.starts for q in corpus.questions} == {
        "a": (text.rindex("Io"),),
        "b": (12,),
        "c": (0,),
        "d": (),
    }


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_the_offsets_of_a_real_set_are_right() -> None:
    source = json.loads((SHARED / "covidqa" / "200423_covidQA.json").read_text())
    given = {
        str(qa["id"]): qa["answers"][0]["answer_start"]
        for article in source["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    }
    corpus = load(SHARED / "covidqa")
    texts = {document.id: document.text for document in corpus.documents}
    assert len(corpus.questions) == len(given) == 1380
    for question in corpus.questions:
        for answer, start in zip(question.answers, question.starts, strict=True):
            assert texts[str(question.document)].startswith(answer, start)
        assert abs(question.starts[0] - given[question.id]) <= 3  # the source counts some blanks wrongly
