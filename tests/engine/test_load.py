"""Reading documents and questions: nothing is lost without a reason, and no input makes it crash."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.load import heading, load, load_questions, preview, samples, split_questions
from engine.data.records import Corpus, Question, fingerprint
from engine.errors import DataError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FAST = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
filled = words.map(lambda text: "a" + text.strip() + "z")


def write(path: Path, content: str | bytes | list[Any] | dict[str, Any]) -> Path:
    """A file of text, of bytes, of JSON lines (a list) or of one JSON value (a dict)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        lines = (line if isinstance(line, str) else json.dumps(line) for line in content)
        content = "".join(f"{line}\n" for line in lines)
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def reasons(corpus: Corpus) -> list[tuple[str, int, str]]:
    return [(r.file, r.row, r.reason) for r in corpus.rejected]


def only_rejected(corpus: Corpus, file: str, row: int, *parts: str) -> None:
    assert [(r.file, r.row) for r in corpus.rejected] == [(file, row)]
    assert all(part in corpus.rejected[0].reason for part in parts), corpus.rejected[0].reason


# Texts


def test_markdown_is_kept_as_it_stands_with_heading_and_stem(tmp_path: Path) -> None:
    write(tmp_path / "a" / "moon.md", "\n# The Moon\n\n* grey  \n")
    write(tmp_path / "plain.txt", "no heading here")
    corpus = load(tmp_path)
    assert [(d.id, d.title, d.text, d.source) for d in corpus.documents] == [
        ("moon", "The Moon", "\n# The Moon\n\n* grey  \n", "a/moon.md"),
        ("plain", "plain", "no heading here", "plain.txt"),
    ]


@FAST
@given(words.filter(str.strip))
def test_any_text_keeps_every_character_but_newlines_and_bom(tmp_path: Path, text: str) -> None:
    write(tmp_path / "t.txt", "\ufeff" + text)
    (document,) = load(tmp_path).documents
    assert document.text == text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# One\n# Two", "One"),
        ("## Lower\n# Top", "Top"),
        ("## Only lower\n", "Only lower"),
        ("```\n# a comment in code\n```\n## After", "After"),
        ("# About C#\n", "About C#"),
        ("# Closed ##\n", "Closed"),
        ("#hashtag\n", ""),
        ("#" * 100_000 + " " * 100_000 + "x", ""),
    ],
)
def test_heading_is_the_first_real_one(markdown: str, title: str) -> None:
    assert heading(markdown) == title


def test_equal_stems_get_their_folders_in_the_id(tmp_path: Path) -> None:
    for name in ("intro.md", "a/intro.md", "b c/intro.md", "b c/intro.txt", "other.md"):
        write(tmp_path / name, f"text of {name}")
    ids = [d.id for d in load(tmp_path).documents]
    assert ids == ["a-intro", "b-c-intro", "b-c-intro-1", "intro", "other"]


def test_cp1252_is_read_and_other_bytes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "latin.txt", "caf\xe9 \u2013 d\xe9j\xe0 vu".encode("cp1252"))
    write(tmp_path / "nul.txt", b"text\0text")
    write(tmp_path / "utf16.txt", "some text".encode("utf-16"))
    write(tmp_path / "noise.txt", bytes(range(1, 256)))
    write(tmp_path / "broken.txt", "caf\xe9 caf\xe9 ".encode() + b"\xff")
    corpus = load(tmp_path)
    assert [d.text for d in corpus.documents] == ["caf\xe9 \u2013 d\xe9j\xe0 vu", "some text"]
    found = {r.file: r.reason for r in corpus.rejected}
    assert set(found) == {"nul.txt", "noise.txt", "broken.txt"}
    assert "not text" in found["nul.txt"]
    assert all("UTF-8" in found[name] for name in ("noise.txt", "broken.txt"))


def test_characters_across_block_borders_are_whole(tmp_path: Path) -> None:
    text = "x" * ((1 << 20) - 1) + "\u20ac" * 10
    write(tmp_path / "t.txt", text)
    assert load(tmp_path).documents[0].text == text


# Rows


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"answers": ["b", "a", "b", " ", ""]}, ("b", "a")),
        ({"answer": "one"}, ("one",)),
        ({"golds": [1923, 2.5]}, ("1923", "2.5")),
        ({"answers": {"text": ["x", "y"], "answer_start": [0, 4]}}, ("x", "y")),
        ({"original_nq_answers": [[{"start": 1, "string": "p"}], [{"string": "q"}]]}, ("p", "q")),
        ({"output": [{"answer": "long\r\nform", "meta": {"skip": False}}]}, ("long\nform",)),
        ({"output": [{"answer": "", "meta": {}}]}, ()),
        ({"output": [{"answer": None}]}, ()),
        ({"answers": []}, ()),
        ({"answers": None}, ()),
        ({"answers": float("nan")}, ()),
        ({"answers": {"text": [], "answer_start": []}}, ()),
        ({"answers": ["kept in the data"], "is_impossible": True}, ()),
        ({"Answers ": "spelled so"}, ("spelled so",)),
    ],
)
def test_answers_in_any_known_shape(
    tmp_path: Path, fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    write(tmp_path / "q.jsonl", [{"query": " What? ", **fields}])
    (question,) = load_questions(tmp_path).questions
    assert question == Question("q-1", "What?", expected)


@pytest.mark.parametrize("answers", [True, {"value": "Paris"}, [[{"label": 3}]], [False]])
def test_answers_that_are_not_understood_are_not_taken_for_none(tmp_path: Path, answers: Any) -> None:
    write(
        tmp_path / "q.jsonl", [{"question": "What?", "answers": answers}, {"question": "Ok?", "answer": "y"}]
    )
    corpus = load_questions(tmp_path)
    assert [q.question for q in corpus.questions] == ["Ok?"]
    only_rejected(corpus, "q.jsonl", 1, "answers")


own_rows = st.lists(
    st.builds(
        Question,
        id=st.integers().map(str),
        question=filled,
        answers=st.lists(filled.filter(lambda text: "|" not in text), unique=True, max_size=3).map(tuple),
        document=st.none() | filled,
        evidence=st.just("") | filled,
        kind=st.sampled_from(["", "who", "how many"]),
        split=st.sampled_from(["", "dev", "test", "train"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda question: question.id,
)


def normal(question: Question) -> Question:
    def n(text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n")

    answers = tuple(dict.fromkeys(map(n, question.answers)))
    return replace(question, question=n(question.question), answers=answers, evidence=n(question.evidence))


@FAST
@given(own_rows)
def test_own_question_rows_come_back_from_jsonl_and_csv(tmp_path: Path, questions: list[Question]) -> None:
    rows = [{**vars(question)} for question in questions]
    write(tmp_path / "q.jsonl", rows)
    sheet = io.StringIO(newline="")
    table = csv.DictWriter(sheet, list(rows[0]))
    table.writeheader()
    table.writerows({**row, "answers": "|".join(row["answers"])} for row in rows)
    write(tmp_path / "q.csv", sheet.getvalue())
    for file in ("q.jsonl", "q.csv"):
        corpus = load_questions(tmp_path / file)
        assert corpus.questions == tuple(map(normal, questions)), file
        assert not corpus.rejected


def test_a_row_with_context_gives_question_and_document_and_each_text_once(tmp_path: Path) -> None:
    context = "Io is a moon. "
    rows = [
        {"id": 7, "question": "What is Io?", "context": context, "title": "Io, the moon", "answer": "a moon"},
        {"id": 8, "question": "Is Io a moon?", "context": context, "answers": ["yes"]},
        {"id": 9, "question": "Which?", "context": "Another.", "title": "Io, the moon", "answers": []},
    ]
    corpus = load(write(tmp_path / "rows.jsonl", rows))
    assert [(d.id, d.text, d.source) for d in corpus.documents] == [
        ("io-the-moon-1", context, "rows.jsonl#1"),
        ("io-the-moon-2", "Another.", "rows.jsonl#3"),
    ]
    assert [(q.id, q.document) for q in corpus.questions] == [
        ("7", "io-the-moon-1"),
        ("8", "io-the-moon-1"),
        ("9", "io-the-moon-2"),
    ]


def test_clapnq_passages_become_documents(tmp_path: Path) -> None:
    passages = [{"title": "T", "text": "First. ", "sentences": ["First."]}, {"title": "T", "text": "Second."}]
    corpus = load(
        write(tmp_path / "c.jsonl", [{"id": "1", "input": "q", "passages": passages, "output": []}])
    )
    assert [(d.id, d.title, d.text) for d in corpus.documents] == [
        ("t-1", "T", "First. "),
        ("t-2", "T", "Second."),
    ]
    assert corpus.questions == (Question("1", "q", (), "t-1"),)


def test_every_bad_line_is_reported_with_its_number_and_the_rest_is_kept(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "text": "kept"},
        '{"id": "b", "text": "broken',
        "",
        "[1, 2]",
        {"name": "no text or question"},
        {"text": "  "},
        {"id": "a", "text": "other"},
        {"text": ["fine", 5]},
        {"id": {"x": 1}, "text": "odd id"},
        '{"text": "one"} {"text": "two"}',
        '{"text": "half \\ud800 a character"}',
        "[" * 100_000,
        {"question": "q?", "answers": ["x"], "split": "exam"},
        {"text": "kept too"},
    ]
    corpus = load(write(tmp_path / "rows.jsonl", lines))
    assert [d.text for d in corpus.documents] == ["kept", "kept too"]
    expected = {
        2: "broken JSON at column",
        4: "a list",
        5: "neither a question nor a text",
        6: "empty text",
        7: "duplicate id 'a', already used by rows.jsonl#1",
        8: "not a text",
        9: "'id'",
        10: "more text",
        11: "UTF-8",
        12: "broken JSON",
        13: "'exam'",
    }
    assert [row for _, row, _ in reasons(corpus)] == list(expected)
    for (_, _, reason), part in zip(reasons(corpus), expected.values(), strict=True):
        assert part in reason


def test_one_line_with_bad_bytes_costs_only_that_line(tmp_path: Path) -> None:
    good = json.dumps({"text": "na\xefve caf\xe9 \u2013 \u20ac"}, ensure_ascii=False).encode()
    corpus = load(write(tmp_path / "r.jsonl", good + b'\n{"text": "bad \xff"}\n{"text": "last"}\n'))
    assert [d.text for d in corpus.documents] == ["na\xefve caf\xe9 \u2013 \u20ac", "last"]
    only_rejected(corpus, "r.jsonl", 2, "UTF-8")


def test_csv_rows_that_do_not_fit_the_header(tmp_path: Path) -> None:
    text = (
        "\ufeffQuestion;Answer;Context\r\n"
        'Who?;Ada|"Ada" Lovelace;"Ada; a\r\nmathematician"\r\n'
        "Short?;x\r\n"
        "What?;;Another\r\n"
        'Open?;"never closed;x\r\n'
    )
    corpus = load(write(tmp_path / "q.csv", text))
    assert [(q.question, q.answers) for q in corpus.questions] == [
        ("Who?", ("Ada", '"Ada" Lovelace')),
        ("What?", ()),
    ]
    assert [d.text for d in corpus.documents] == ["Ada; a\nmathematician", "Another"]
    rejected = reasons(corpus)
    assert rejected[0] == ("q.csv", 4, "2 fields where the header has 3")
    assert rejected[1][1] == 6 and "broken CSV" in rejected[1][2]


def test_a_csv_without_known_columns_is_one_rejection(tmp_path: Path) -> None:
    write(tmp_path / "t.txt", "text")
    write(tmp_path / "x.csv", "prompt,score\na,1\nb,2\n")
    corpus = load(tmp_path)
    only_rejected(corpus, "x.csv", 0, "prompt, score")
    assert [document.text for document in corpus.documents] == ["text"]


def test_a_column_that_was_mapped_and_is_not_there_is_named(tmp_path: Path) -> None:
    sheet = write(tmp_path / "x.csv", "Frage,Antwort\nWas?,Io\n")
    missing = "it has no column 'Antworten', which was mapped, only: Frage, Antwort"
    wrong = {"question": "Frage", "answers": "Antworten"}
    with pytest.raises(DataError, match=missing):
        load_questions(sheet, columns=wrong)
    with pytest.raises(DataError, match="it has: Frage, Antwort; say which is what, such as question=Frage,"):
        load_questions(sheet)
    with pytest.raises(DataError) as alone:
        load(sheet, columns=wrong)
    assert missing in str(alone.value) and "give it files" not in str(alone.value)


def test_a_long_csv_field_is_read(tmp_path: Path) -> None:
    text = "long " * 100_000
    assert load(write(tmp_path / "x.csv", f"text\n{text}\n")).documents[0].text == text


def test_a_question_without_answers_field_is_not_an_unanswerable_one(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", [{"question": "Who?", "context": "Ada."}])
    corpus = load(path)
    assert [d.text for d in corpus.documents] == ["Ada."] and not corpus.questions
    with pytest.raises(DataError, match=r"no usable question .*q.jsonl, row 1: .*answers"):
        load_questions(path)


def test_copies_of_a_text_are_kept_once_and_questions_follow(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "same text")
    write(tmp_path / "b.md", "same text")
    write(tmp_path / "q.jsonl", [{"question": "q?", "answers": ["same"], "document": "b"}])
    corpus = load(tmp_path)
    assert [d.id for d in corpus.documents] == ["a"]
    assert corpus.questions[0].document == "a"
    only_rejected(corpus, "b.md", 0, "same text as 'a' (a.md)")


def test_a_duplicate_question_id_names_the_first_place(tmp_path: Path) -> None:
    for name in ("x.jsonl", "y.jsonl"):
        write(tmp_path / name, [{"id": 1, "question": f"in {name}?", "answers": ["a"]}])
    corpus = load_questions(tmp_path)
    assert [q.question for q in corpus.questions] == ["in x.jsonl?"]
    only_rejected(corpus, "y.jsonl", 1, "duplicate id '1', already used by x.jsonl#1")


# SQuAD


def squad(*paragraphs: Any, title: str = "Super_Bowl_50") -> dict[str, Any]:
    return {"version": "v2.0", "data": [{"title": title, "paragraphs": list(paragraphs)}]}


def qa(id: str, *texts: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "question": f"q {id}?",
        "answers": [{"text": t, "answer_start": 0} for t in texts],
        **more,
    }


def test_squad_paragraphs_and_questions(tmp_path: Path) -> None:
    first = {
        "context": "Denver won.\r\nIt rained.",
        "qas": [
            qa("a", "Denver", "Denver won", "Denver"),
            qa("b", is_impossible=True, plausible_answers=[{"text": "Denver", "answer_start": 0}]),
            qa("c", "Boston"),
            qa("d", "won", "lost"),
            qa("e", "won.\r\nIt"),
            {"id": "f", "question": "no answers?"},
            {"id": "g", "question": " ", "answers": []},
            qa("a", "Denver"),
        ],
    }
    second = {"context": "Half time.", "qas": [qa("h", "Half")]}
    corpus = load(write(tmp_path / "s.json", squad(first, second, {"context": "", "qas": []}, 5)))
    assert [(d.id, d.title, d.text) for d in corpus.documents] == [
        ("super-bowl-50-1", "Super Bowl 50", "Denver won.\nIt rained."),
        ("super-bowl-50-2", "Super Bowl 50", "Half time."),
    ]
    assert [(q.id, q.answers, q.document) for q in corpus.questions] == [
        ("a", ("Denver", "Denver won"), "super-bowl-50-1"),
        ("b", (), "super-bowl-50-1"),
        ("d", ("won",), "super-bowl-50-1"),
        ("e", ("won.\nIt",), "super-bowl-50-1"),
        ("h", ("Half",), "super-bowl-50-2"),
    ]
    expected = ["'c': its answer 'Boston'", "'d': answer 'lost'", "'f'", "without text", "duplicate id 'a'"]
    expected += ["without context", "a number"]
    assert [row for _, row, _ in reasons(corpus)] == [1, 1, 1, 1, 1, 3, 4]
    for (_, _, reason), part in zip(reasons(corpus), expected, strict=True):
        assert part in reason


def test_json_that_is_a_list_of_rows_or_json_lines_is_read_too(tmp_path: Path) -> None:
    write(tmp_path / "list.json", json.dumps([{"text": "one"}, 3]))
    write(
        tmp_path / "flat.json", {"data": [{"question": "q?", "context": "two", "answers": {"text": ["two"]}}]}
    )
    write(tmp_path / "lines.json", [{"text": "three"}, {"text": "four"}])
    corpus = load(tmp_path)
    assert [d.text for d in corpus.documents] == ["two", "three", "four", "one"]
    assert [q.answers for q in corpus.questions] == [("two",)]
    only_rejected(corpus, "list.json", 2, "not a JSON object")


# Folders


def test_hidden_files_are_skipped_and_unknown_ones_named(tmp_path: Path) -> None:
    write(tmp_path / "root" / "a.MD", "text")
    write(tmp_path / "root" / ".hidden.md", "x")
    write(tmp_path / "root" / ".git" / "b.md", "x")
    write(tmp_path / "root" / "sub" / "c.exe", "MZ")
    corpus = load(tmp_path / "root")
    assert [d.source for d in corpus.documents] == ["a.MD"]
    only_rejected(corpus, "sub/c.exe", 0, ".exe")


def test_links_lead_nowhere_outside(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret" / "key.md", "secret")
    root = tmp_path / "root"
    write(root / "a.md", "a")
    write(root / ".data" / "b.md", "b")
    (root / "file.md").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "nothing.md").symlink_to(root / "gone.md")
    (root / "loop.md").symlink_to(root / "loop.md")
    (root / "again.md").symlink_to(root / "a.md")
    (root / "up").symlink_to(root)
    (root / "b.md").symlink_to(root / ".data" / "b.md")
    corpus = load(root)
    assert [d.text for d in corpus.documents] == ["a", "b"]
    assert {r.file: "out of the folder" in r.reason for r in corpus.rejected} == {
        "file.md": True,
        "folder": True,
        "nothing.md": False,
        "loop.md": False,
    }


def test_a_pipe_or_a_huge_file_is_refused_without_reading(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "text")
    os.mkfifo(tmp_path / "pipe.md")
    with (tmp_path / "huge.jsonl").open("wb") as file:
        file.truncate(200_000_001)
    corpus = load(tmp_path)
    assert [(r.file, r.row) for r in corpus.rejected] == [("huge.jsonl", 0), ("pipe.md", 0)]
    assert "200 MB" in corpus.rejected[0].reason


def test_a_file_name_of_odd_bytes_can_be_reported(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(bytes(tmp_path) + b"/\xff.md")).write_text("text")
    except OSError:
        pytest.skip("this file system takes no such name")
    corpus = load(tmp_path)
    assert [d.id for d in corpus.documents] == ["?"]


@pytest.mark.parametrize("reader", [load, load_questions])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "does not exist"),
        ({}, "give it|rows need"),
        ({".hidden.md": "x"}, "give it|rows need"),
        ({"a.md": " \n"}, "a.md: empty"),
        ({"a.bin": "x"}, ".bin files are not read"),
        ({"a.doc": "x"}, "save it as .docx"),
        ({"a.jsonl": "{"}, "a.jsonl, row 1: broken JSON"),
        ({"a.jsonl": "\n"}, "a.jsonl: no rows"),
        ({"a.json": "{"}, "broken JSON at line 1"),
        ({"a.md": b"\0"}, "not text"),
    ],
)
def test_nothing_usable_is_one_sentence_that_says_why(
    tmp_path: Path, reader: Callable[[Path], Corpus], files: dict[str, str] | None, message: str
) -> None:
    root = tmp_path / "root"
    if files is not None:
        root.mkdir()
    for name, content in (files or {}).items():
        write(root / name, content)
    with pytest.raises(DataError, match=message) as caught:
        reader(root)
    assert "\n" not in str(caught.value)
    assert ("there is no file in it" in str(caught.value)) == (files in ({}, {".hidden.md": "x"}))


def test_a_file_without_questions_is_not_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable question in [^(]*; rows need"):
        load_questions(write(tmp_path / "a.md", "Prose."))
    with pytest.raises(DataError, match="cannot be read"):
        preview(tmp_path / ("x" * 300 + ".csv"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    "question input answers answer output text passages context title id document split kind evidence data "
    "paragraphs qas is_impossible".split()
)
odd_rows = st.lists(st.dictionaries(fields, json_values, max_size=5) | json_values, max_size=4)


def loaded_or_said(path: Path) -> Corpus | str:
    try:
        return load(path)
    except DataError as error:
        return str(error)


def loads_or_says_why(root: Path) -> None:
    """Whatever is in `root`: a usable corpus, or one sentence that names it."""
    corpus = loaded_or_said(root)
    if isinstance(corpus, str):
        assert str(root) in corpus and "\n" not in corpus
        return
    assert corpus.documents or corpus.questions or corpus.chats or corpus.pairs
    assert fingerprint([*corpus.documents, *corpus.questions])
    assert len({d.id for d in corpus.documents}) == len(corpus.documents)
    assert len({q.id for q in corpus.questions}) == len(corpus.questions)
    assert all(d.text.strip() and d.id and d.title for d in corpus.documents)
    assert all(q.question.strip() for q in corpus.questions)
    assert all(r.file.startswith("x.") and r.reason for r in corpus.rejected)


def every_line_is_used_or_refused(file: Path, lines: int) -> None:
    corpus = loaded_or_said(file)
    if isinstance(corpus, str):
        assert str(file) in corpus
        return
    accepted = set(range(1, lines + 1)) - {one.row for one in corpus.rejected}
    made = len(corpus.documents) + len(corpus.questions) + len(corpus.chats) + len(corpus.pairs)
    assert len(accepted) <= made


@FAST
@given(odd_rows)
def test_no_row_however_odd_crashes(tmp_path: Path, rows: list[Any]) -> None:
    write(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows)))
    every_line_is_used_or_refused(tmp_path / "x.jsonl", len(rows))
    write(tmp_path / "x.json", json.dumps({"data": [{"title": "t", "paragraphs": rows}, *rows]}))
    loads_or_says_why(tmp_path)


@FAST
@given(
    st.binary(max_size=60) | words.map(str.encode),
    st.sampled_from([".md", ".txt", ".jsonl", ".csv", ".json"]),
    st.sampled_from([b"", b"question,text\n", b'{"text": "']),
)
def test_no_bytes_crash(tmp_path: Path, content: bytes, suffix: str, start: bytes) -> None:
    path = write(tmp_path / f"x{suffix}", start + content)
    loads_or_says_why(path)


# Splits


def questions_of(answerable: int, not_answerable: int, split: str = "") -> list[Question]:
    ids = range(answerable + not_answerable)
    return [Question(f"q{i}", "?", ("a",) if i < answerable else (), split=split) for i in ids]


@FAST
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3), st.randoms())
def test_a_third_of_each_sort_is_dev_whatever_the_order(a: int, n: int, seed: int, random: Any) -> None:
    questions = questions_of(a, n)
    split = split_questions(questions, seed)
    counts = Counter((q.answerable, q.split) for q in split)
    assert [q.id for q in split] == [q.id for q in questions]
    assert (counts[True, "dev"], counts[False, "dev"]) == (round(a / 3), round(n / 3))
    assert {q.split for q in split} <= {"dev", "test"}
    shuffled = random.sample(questions, len(questions))
    assert set(split_questions(shuffled, seed)) == set(split)


def test_another_seed_gives_another_split_and_given_splits_stay() -> None:
    questions = questions_of(30, 6)
    assert split_questions(questions, 0) != split_questions(questions, 1)
    given_ones = questions_of(5, 5, "test")
    assert list(split_questions(given_ones)) == given_ones


# What is really there


def test_samples_are_whole_and_unknown_names_are_told_the_known() -> None:
    with pytest.raises(DataError, match="space, handbook"):
        samples("mars")
    corpus = samples("space")
    texts = {d.id: d.text for d in corpus.documents}
    assert len(texts) >= 36 and len(corpus.questions) >= 260 and not corpus.rejected
    assert all(q.document in texts for q in corpus.questions if q.answerable)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("folder", "documents", "answerable", "unanswerable"),
    [
        ("qed", 1343, 1355, 0),
        ("clapnq", 597, 300, 300),
        ("covidqa", 98, 1380, 0),
        ("documents/rust-book-md", 37, 0, 0),
    ],
)
def test_real_sets_are_read_whole(folder: str, documents: int, answerable: int, unanswerable: int) -> None:
    corpus = load(SHARED / folder)
    assert len(corpus.documents) == documents
    assert Counter(q.answerable for q in corpus.questions) == Counter({True: answerable, False: unanswerable})
    assert not corpus.rejected
    ids = {d.id for d in corpus.documents}
    assert all(q.document in ids for q in corpus.questions)
