"""A tiny corpus with questions, and the command line as a person runs it, with a workspace of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
BROKEN = '{"title": "Half a line", "text": "It st'
DOCUMENTS = {
    "harbour.md": """# Port of Velden

The port of Velden was opened in 1874 by the engineer Marta Olsen. Its first lighthouse stood 31
metres high and was built of grey granite. In 1902 a storm destroyed the eastern pier, and the town
rebuilt it within two years. The harbour froze for eleven weeks in the winter of 1947. Today the
port handles 4 million tonnes of timber a year. The harbour master is chosen by the town council
every six years.
""",
    "museum.txt": """Clock Museum

The Clock Museum in Arlen holds 620 clocks from nine countries. It was founded in 1931 by the
watchmaker Josef Brandt. The oldest piece in the collection is an iron tower clock from 1498.
Visitors may wind the smallest clock themselves on the first Sunday of each month. The museum closed
for five years because its roof had been damaged by fire. A ticket costs seven crowns.
""",
    "river.jsonl": json.dumps(
        {
            "id": "river",
            "title": "Sorrel River",
            "text": "The Sorrel River rises on Mount Haldis and flows 212 kilometres to the Grey Bay. "
            "Its water drives three mills near the village of Tamm. The longest bridge over the river was "
            "designed by Ida Falk and opened in 1966. Salmon returned to the Sorrel in 1989 after the dam at "
            "Brekke was removed.",
        }
    )
    + f"\n{BROKEN}\n",
}
QUESTIONS = (
    ("Who opened the port of Velden?", ("Marta Olsen",)),
    ("How high was the first lighthouse?", ("31 metres",)),
    ("When was the Clock Museum founded?", ("1931",)),
    ("Who designed the longest bridge over the river?", ("Ida Falk",)),
    ("Where does the Sorrel River rise?", ("Mount Haldis", "on Mount Haldis")),
    ("Who painted the ceiling of the town hall?", ()),
    ("What does a ride on the ferry cost?", ()),
)
TINY = ("--target", "20", "--write-seconds", "60", "--writer", "bantam-small", "--timed", "1")
STEPS = ("--epochs", "4")  # training takes more than one step, and a checkpoint stands before its last


class Material(NamedTuple):
    """A folder of documents and a file of questions about them."""

    documents: Path
    questions: Path

    @property
    def options(self) -> tuple[str, ...]:
        """What makes quickstart run on it, briefly."""
        return (
            "--documents",
            str(self.documents),
            "--questions",
            str(self.questions),
            "--name",
            "tiny",
            *TINY,
            *STEPS,
        )


class Ran(NamedTuple):
    """What a command left: exit status, standard output, standard error."""

    code: int
    out: str
    err: str


class Finished(NamedTuple):
    """An experiment that nobody disturbed: its workspace and how the command ended."""

    home: Path
    ran: Ran


Command = Callable[..., Ran]


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment with another workspace."""
    return os.environ | {"BANTAM_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def run(*arguments: str, home: Path, **more: str) -> Ran:
    """A command as a person runs it: `python -m jobs ARGUMENTS` with its own workspace."""
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *arguments],
        cwd=ROOT,
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def write_material(folder: Path) -> Material:
    """Write the tiny corpus into `folder`."""
    documents = folder / "documents"
    documents.mkdir()
    for name, text in DOCUMENTS.items():
        (documents / name).write_text(text, encoding="utf-8")
    rows = [{"question": question, "answers": list(answers)} for question, answers in QUESTIONS]
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Material(documents, questions)
