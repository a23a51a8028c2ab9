"""Input that cannot be used, given to real processes and, where that comes to the same, to the command in
this one: one sentence that says what to do, nothing left."""

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from storage import jobs
from storage.db import connect
from tests.commands import BROKEN, TINY, Command, Material, Ran, run

DOCUMENT = "The port of Velden was opened in 1874 by the engineer Marta Olsen. " * 3
QUESTION = {"question": "Who opened the port of Velden?", "answers": ["Marta Olsen"]}


def process(*arguments: str, home: Path, **environment: str) -> Ran:
    return run("quickstart", *TINY, *arguments, home=home, **environment)


@pytest.fixture
def quickstart(here: Command) -> Command:
    """The same command in this process, which has imported everything already."""
    return lambda *arguments, home: here("quickstart", *TINY, *arguments, home=home)


def sentence(ran: Ran) -> str:
    """The one sentence the command ended with, after nothing else."""
    assert ran.code == 1, ran.err
    assert ran.out == ""
    found = re.fullmatch(r"\nbantam: ([^\n]+)\n", ran.err)
    assert found, ran.err
    assert "Traceback" not in found[1]
    return found[1]


def made(home: Path) -> list[str]:
    """Everything in the workspace but the database, and any artefact or leftover of one."""
    return (
        sorted(path.name for path in home.rglob("*") if not path.name.startswith("lab.db"))
        if home.exists()
        else []
    )


def failed(home: Path, name: str, why: str) -> None:
    """The job's row says that it failed and why."""
    db = connect(home)
    row = jobs.get(db, f"quickstart-{name}")
    db.close()
    assert row and row["state"] == jobs.FAILED and row["error"] == why and row["ended_at"]


def jsonl(file: Path, *rows: Mapping[str, object] | str) -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    return made


def test_an_empty_folder(folder: Path, home: Path) -> None:
    said = sentence(process("--documents", str(folder), "--name", "empty", home=home))
    assert said.startswith(
        f"Nothing in {folder} can be used (there is no file in it); give it files that end in"
    )
    assert made(home) == []
    failed(home, "empty", said)


def test_a_folder_that_is_not_there(quickstart: Command, folder: Path, home: Path) -> None:
    said = sentence(quickstart("--documents", str(folder / "none"), home=home))
    assert "does not exist" in said and "give files that end in" in said
    assert made(home) == []


@pytest.mark.parametrize(
    ("name", "content"), [("photo.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), ("notes.md", b"\x00" * 99)]
)
def test_a_file_that_is_not_text(
    quickstart: Command, name: str, content: bytes, folder: Path, home: Path
) -> None:
    (folder / name).write_bytes(content)
    said = sentence(quickstart("--documents", str(folder), home=home))
    assert name in said and "give it files that end in" in said
    assert made(home) == []


def test_a_jsonl_of_which_no_line_can_be_read(quickstart: Command, folder: Path, home: Path) -> None:
    jsonl(folder / "rows.jsonl", BROKEN, BROKEN)
    said = sentence(quickstart("--documents", str(folder), home=home))
    assert "2 left out, the first rows.jsonl, row 1: " in said
    assert made(home) == []


def test_a_question_file_without_questions(
    quickstart: Command, material: Material, folder: Path, home: Path
) -> None:
    file = jsonl(folder / "asked.jsonl", {"id": "1", "text": DOCUMENT})
    said = sentence(quickstart("--documents", str(material.documents), "--questions", str(file), home=home))
    assert f"no usable question in {file}" in said and "rows need 'question' and 'answers'" in said
    assert made(home) == []


@pytest.mark.parametrize(
    "row", [{"question": "Who opened it?"}, {"question": "Who opened it?", "answers": []}]
)
def test_a_question_file_without_answers(
    quickstart: Command, row: dict[str, object], material: Material, folder: Path, home: Path
) -> None:
    file = jsonl(folder / "asked.jsonl", row, {**row, "question": "Who closed it?"})
    said = sentence(quickstart("--documents", str(material.documents), "--questions", str(file), home=home))
    assert str(file) in said
    assert "rows need 'question' and 'answers'" in said or "give the questions answers" in said
    assert made(home) == []


def test_questions_that_are_all_marked_for_training(
    quickstart: Command, material: Material, folder: Path, home: Path
) -> None:
    """They were dropped without a word, and others, held out of the synthetic ones, were tested with."""
    file = jsonl(folder / "asked.jsonl", QUESTION | {"split": "train"})
    said = sentence(quickstart("--documents", str(material.documents), "--questions", str(file), home=home))
    assert str(file) in said and 'mark some with "split": "test"' in said
    assert made(home) == []


def test_questions_without_documents(quickstart: Command, folder: Path, home: Path) -> None:
    jsonl(folder / "asked.jsonl", QUESTION)
    said = sentence(quickstart("--documents", str(folder), home=home))
    assert "holds questions but no documents" in said and "--documents" in said
    assert made(home) == []


def test_a_model_that_does_not_exist(quickstart: Command, home: Path) -> None:
    for option in ("--small", "--large", "--writer"):
        said = sentence(quickstart(option, "bantam-huge", home=home))
        assert said.startswith("There is no model 'bantam-huge': use one of bantam-small, ")
    assert not home.exists()


def test_a_model_that_cannot_write_answers(home: Path) -> None:
    assert "is of the kind reader" in sentence(process("--small", "bantam-reader", home=home))
    assert not home.exists()


def test_a_folder_that_holds_no_model(quickstart: Command, folder: Path, home: Path) -> None:
    said = sentence(quickstart("--small", str(folder), home=home))
    assert f"The folder {folder} holds no model" in said
    assert not home.exists()


@pytest.mark.parametrize("option", ["--small", "--writer"])
def test_a_hub_model_without_a_network(option: str, home: Path) -> None:
    """Said before the first stage: it came after minutes of writing questions."""
    said = sentence(process(option, "owner/model", home=home, HF_HUB_OFFLINE="1"))
    assert "'owner/model' is not in the local hub cache and HF_HUB_OFFLINE is set: unset it, or use" in said
    assert not home.exists()


def test_a_hub_that_does_not_answer(home: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        hub = f"http://127.0.0.1:{free.getsockname()[1]}"
    nowhere = {
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path / "hub"),
        "NO_PROXY": "127.0.0.1",
    }
    said = sentence(process("--small", "owner/model", home=home, **nowhere))
    assert f"The hub {hub} cannot be reached to fetch 'owner/model'" in said and "check the network" in said
    assert not home.exists()


def test_the_large_model_is_only_asked_for_where_it_answers(
    material: Material, folder: Path, home: Path
) -> None:
    """A hub that is not needed need not be there: the run gets as far as the documents."""
    said = sentence(process("--large", "owner/model", "--documents", str(folder), home=home))
    assert said.startswith(f"Nothing in {folder} can be used")
    said = sentence(
        process("--large", "owner/model", "--arms", "large", "--documents", str(folder), home=home)
    )
    assert "'owner/model' is not in the local hub cache" in said


def test_a_file_in_the_place_of_the_workspace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("mine")
    said = sentence(process(home=home))
    assert f"The workspace {home} cannot be written" in said and "set BANTAM_HOME to a folder that is" in said
    assert home.read_text() == "mine"


def test_a_folder_in_the_place_of_the_database(home: Path) -> None:
    (home / "lab.db").mkdir(parents=True)
    said = sentence(process(home=home))
    assert "lab.db cannot be opened; check" in said
    assert made(home) == []


def test_a_database_that_is_none(quickstart: Command, home: Path) -> None:
    home.mkdir()
    (home / "lab.db").write_text("This is a shopping list, and a long one at that. " * 100)
    said = sentence(quickstart(home=home))
    assert "lab.db is not a database; move it away and a new one is made" in said
    assert (home / "lab.db").read_text().startswith("This is a shopping list")


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/tmp/x", "..", "Up", "a b", "a\nb", "x" * 65, "; rm -rf ~"]
)
def test_a_name_that_could_be_more_than_a_name(
    here: Command, name: str, home: Path, material: Material
) -> None:
    documents = ("--documents", str(material.documents))
    for command in (("quickstart", *documents), ("ask", "Who?")):
        said = sentence(here(*command, f"--name={name}", home=home))
        assert said.startswith(f"The name {name!r} cannot be used: take 1 to 64 of a-z")
    assert not home.exists() and list(home.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("import FOLDER/none --preview", "none is no file: name one file of rows"),
        ("import FOLDER --preview", "is no file: name one file of rows"),
        ("export --name tiny --out FOLDER/notes.txt", "notes.txt (File exists): name another folder"),
        ("export --name tiny --limit -1", "--limit -1 cannot be used"),
        ("calibrate --wice FOLDER/binary.jsonl", "binary.jsonl cannot be read (not text)"),
        ("list --limit 99999999999999999999", "--limit has to be from 1 to 1,000,000"),
        ("submit index --set dataset=tiny --priority 9999999999999999999", "is too far from 0"),
        ("bench --clean -5", "--clean -5 cannot be used"),
        ("bench --decode --exact -5", "--exact -5 cannot be used"),
    ],
)
def test_what_no_command_can_use_is_one_sentence_and_leaves_nothing(
    here: Command, command: str, why: str, folder: Path, home: Path
) -> None:
    """Each ended with a traceback, or as if nothing had been wrong."""
    (folder / "notes.txt").write_text(DOCUMENT)
    (folder / "binary.jsonl").write_bytes(bytes(range(256)))
    assert here("import", str(folder / "notes.txt"), "--name", "tiny", home=home).code == 0
    before = made(home), made(folder)
    ran = here(*(word.replace("FOLDER", str(folder)) for word in command.split()), home=home)
    assert ran.code == 1 and ran.out == "", ran.err
    said = ran.err.rpartition("\nbantam: ")[2]
    assert why in said and said.count("\n") == 1
    assert (made(home), made(folder)) == before


def test_retrieval_on_questions_that_name_no_paragraph(folder: Path, home: Path) -> None:
    file = jsonl(folder / "asked.jsonl", QUESTION)
    said = sentence(run("retrieval", "--questions", str(file), home=home))
    assert "No question names the paragraph or document" in said
