"""`python -m jobs ask --document`: a file of any length answers, or says why it cannot."""

import argparse
import json
from pathlib import Path

import pytest

from engine.errors import LabError
from jobs.verbs import ask

TEXT = "# Peace\n\nIt ended a long war. The treaty of Westphalia was signed in 1648. It was cold.\n"


def run(*arguments: str) -> None:
    """The command, as the command line calls it."""
    parser = argparse.ArgumentParser()
    ask.add(parser.add_subparsers())
    options = parser.parse_args(["ask", *arguments])
    options.command(options)


def test_a_file_is_read_and_retrieved_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "peace.md"
    file.write_text(TEXT)
    question = "When was the treaty of Westphalia signed?"
    run(question, "--document", str(file), "--json")
    made = json.loads(capsys.readouterr().out)
    assert "1648" in made["answer"] and made["document"] == "peace.md" and made["model"] == "bantam-small"
    assert [TEXT[cite["start"] : cite["end"]] for cite in made["citations"]] == [
        "The treaty of Westphalia was signed in 1648."
    ]
    assert made["read"]["tokens"] > 20 and made["retrieved"]["bullets"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.md", None, "There is no file"),
        ("empty.md", b"", "empty.md is empty"),
        ("short.md", b"Hm.", "short is too short to answer from"),
        ("two.csv", b"document,title\nIt is one text of two.,A\nIt is the other text.,B\n", "two.csv"),
        ("noise.pdf", b"\x00\x01nothing", "noise.pdf"),
    ],
)
def test_a_file_that_cannot_be_answered_from_is_said(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LabError, match=message):
        run("Who?", "--document", str(tmp_path / name))
