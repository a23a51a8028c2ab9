"""Pages of what a cleaning and a synthesis did: their numbers are those of the artefact."""

import json
from pathlib import Path

import pytest

from engine.artifact import writing
from engine.data.records import Question
from engine.data.written import DROPPED
from jobs import data_report
from jobs.material import FILE, save_questions
from tests.commands import Command, Material


def test_a_clean_report_says_what_went_and_how_to_make_it(
    here: Command, material: Material, tmp_path: Path
) -> None:
    home, page = tmp_path / "home", tmp_path / "pages" / "clean.md"
    folder = tmp_path / "d"
    folder.mkdir()
    text = (material.documents / "harbour.md").read_text()
    (folder / "a.md").write_text(text)
    (folder / "b.md").write_text(text.replace("eastern", "western"))
    here("import", str(folder), "--name", "twice", home=home)
    ran = here("clean", "--name", "twice", "--report", str(page), "--json", home=home)
    assert ran.code == 0, ran.err
    lines = page.read_text().split("\n")
    assert f"    python -m jobs clean --name twice --report {page} --json" in lines
    assert "1 documents kept, 1 left out." in lines
    assert "| near | 0 | 1 |  |" in lines
    assert any(line.startswith("| b | near | shares ") for line in lines)
    steps = {step["filter"] for step in json.loads(ran.out)["steps"]}
    assert {line.split(" | ")[0][2:] for line in lines if line.startswith("| ")} >= steps
    taken = tmp_path / "file"
    taken.write_text("")
    ran = here("clean", "--name", "twice", "--report", str(taken / "x.md"), home=home)
    assert ran.code == 1 and "cannot be written to" in ran.err


def test_a_synthesis_report_counts_by_reason_and_shows_rows_that_were_kept(tmp_path: Path) -> None:
    questions = [
        Question(f"q{n}", f"What | is <{n}>?", (f"a{n}",), "mars", "word " * 99, "why") for n in range(50)
    ]
    facts = {"counts": {"kept": 40, "repeated": 3, "not a question": 7}, "reworded": {"kept": 10}}
    place = tmp_path / "w"
    with writing(place, facts | {"kind": "questions", "writer": "someone", "dataset": "d"}) as folder:
        save_questions(folder / FILE, questions)
        lost = [{"question": f"Lost {n}?", "answer": "a", "reason": "repeated"} for n in range(9)]
        (folder / DROPPED).write_text("".join(json.dumps(one) + "\n" for one in lost))
    text = data_report.synthesized(place, "python -m jobs synthesize --name d", "d")
    assert text == data_report.synthesized(place, "python -m jobs synthesize --name d", "d")
    assert text.count("| repeated | Lost ") == data_report.SOME
    lines = text.split("\n")
    assert "40 questions kept of 50 written by someone." in lines
    order = ["| kept | 40 | 10 |", "| not a question | 7 | 0 |", "| repeated | 3 | 0 |"]
    assert [line for line in lines if line in order] == order
    rows = [line for line in lines if line.startswith("| What")]
    assert len(rows) == data_report.ROWS == len(set(rows))
    for row in rows:
        assert row.startswith("| What \\| is &lt;") and row.endswith("... | mars |")
        assert len(row) < 2 * data_report.LETTERS


@pytest.mark.parametrize("count", [0, 3])
def test_few_rows_are_all_shown(count: int, tmp_path: Path) -> None:
    facts = {"kind": "questions", "counts": {"kept": count}, "reworded": {}, "writer": "w", "dataset": "d"}
    with writing(tmp_path / "w", facts) as folder:
        save_questions(folder / FILE, [Question(f"q{n}", f"Is {n}?") for n in range(count)])
    text = data_report.synthesized(tmp_path / "w", "x", "d")
    assert text.count("| (none) |") == count
