"""A folder of a thousand files that are broken, cut off, huge, empty, wrongly named or made to do harm: every
one is read or has its reason, nothing crashes, and memory stays below 1 GB."""

import json
import os
import random
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT, environment
from tests.engine.test_documents import PAGE, docx, pdf, zipped

ENDINGS = (".md", ".txt", ".jsonl", ".csv", ".json", ".pdf", ".html", ".docx", ".zip", ".tsv")
MEGABYTE = 1 << 20

SCRIPT = """
import json, resource, sys
from pathlib import Path
from engine.data.load import load
corpus = load(Path(sys.argv[1]))
peak = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({
    "sources": [document.source for document in corpus.documents],
    "questions": len(corpus.questions),
    "rejected": [[one.file, one.row, one.reason] for one in corpus.rejected],
    "peak": peak,
}))
"""


def flate_bomb() -> bytes:
    """A PDF whose one page unpacks to 400 MB."""
    packed = zlib.compress(zlib.compress(b"(x) Tj " * (60 * MEGABYTE), 9), 9)
    whole = pdf("MARK").replace(b"<< /Length", b"<< /Filter [/FlateDecode /FlateDecode] /Length")
    start, end = whole.index(b"stream\n") + 7, whole.index(b"\nendstream")
    return whole[:start] + packed + whole[end:]


def looped_pdf() -> bytes:
    """A PDF whose list of pages holds itself."""
    return pdf("x").replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")


def xml_bomb() -> bytes:
    kinds = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    )
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    return zipped(
        ("[Content_Types].xml", kinds),
        ("word/document.xml", f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a0 "ha">{laughs}]><d>&a9;</d>'),
    )


def swollen_docx() -> bytes:
    return zipped(("[Content_Types].xml", "x"), ("word/document.xml", b" " * (250 * MEGABYTE)))


def huge(folder: Path) -> dict[str, str]:
    """A few files that would fill the memory, with the reason each must get."""
    made: dict[str, tuple[bytes, str]] = {
        "long.md": (b"word " * 4_100_000, "million letters"),
        "cell.csv": (
            b"text,title\n" + b"x" * 20_500_000 + b",t\n",
            "million letters|larger than field limit",
        ),
        "line.jsonl": (b'{"text": "' + b"x" * 21_000_000 + b'"}\n', "million letters"),
        "values.json": (b"[" + b"[]," * 3_500_000 + b"[]]", "million values"),
        "values.jsonl": (b'{"text": [' + b"{}," * 3_500_000 + b"{}]}\n", "million values"),
        "deep.json": (b"[" * 900_000, "broken JSON|million values"),
        "wide.csv": (b",".join(b"c%d" % n for n in range(10_000)) + b"\n", "10,000 columns"),
        "commas.csv": (b"," * 19_000_000 + b"\n", "columns are above|no rows|neither a question"),
        "deep.html": (b"<div><span>" * 200_000, "tags"),
        "tags.html": (b"<html>" + b"<i>x</i>" * 400_000, "tags"),
        "bomb.pdf": (flate_bomb(), "."),
        "loop.pdf": (looped_pdf(), "."),
        "laughs.docx": (xml_bomb(), "."),
        "swollen.docx": (swollen_docx(), "unpacks to more than"),
        "bomb.zip": (zipped(*((f"{n}.txt", b"0" * (90 * MEGABYTE)) for n in range(3))), "above the limit"),
        "nest.zip": (zipped(("in.zip", zipped(("x.md", "x")))), "zip in a zip"),
        "out.zip": (zipped(("../../out.md", "x")), "leads out"),
        "many.zip": (zipped(*((f"{n}.bin", b"") for n in range(20_001))), "entries"),
    }
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    with (folder / "sparse.txt").open("wb") as file:
        file.truncate(3_000_000_000)
    os.mkfifo(folder / "pipe.pdf")
    (folder / "around.md").symlink_to("around.md")
    reasons = {name: reason for name, (_, reason) in made.items()}
    return reasons | {"sparse.txt": "200 MB", "pipe.pdf": "regular file", "around.md": "link"}


def damaged(rng: random.Random, whole: dict[str, bytes]) -> tuple[str, bytes]:
    """An ending and what goes under it: cut off, garbled, random, empty, or what belongs under another
    ending."""
    ending = rng.choice(ENDINGS)
    content = whole[ending]
    act: Callable[[], bytes] = rng.choice(
        [
            lambda: content[: rng.randrange(len(content))],
            lambda: bytes(b if rng.random() > 0.03 else rng.randrange(256) for b in content[:3000]),
            lambda: rng.randbytes(rng.randrange(1, 4000)),
            lambda: rng.choice(
                [b"", b"\n\n \n", b"\0" * 50, b"\xff\xfe\x00", b"\xef\xbb\xbf", b"{", b"[[[", b"<<<"]
            ),
            lambda: whole[rng.choice(ENDINGS)],
            lambda: content.replace(b"e", b"\xed\xa0\x80"),
            lambda: content + content,
        ]
    )
    return ending, act()


@pytest.mark.slow
def test_a_thousand_files_meant_to_break_it_are_read_or_have_their_reason(tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "folder"
    folder.mkdir()
    squad = {"data": [{"title": "t", "paragraphs": [{"context": "Io is a moon.", "qas": []}]}]}
    whole = {
        ".md": b"# Head\n\nSome text with caf\xc3\xa9.\n",
        ".txt": "Ein Text über Häfen.\n".encode(),
        ".jsonl": b'{"text": "one"}\n{"question": "q", "answers": "a"}\n{"prompt": "p", "completion": "c"}',
        ".csv": b'question,answers,text\nWho?,Ada,"Ada, a\nmathematician"\n',
        ".tsv": b"question\tanswers\nWho?\tAda\n",
        ".json": json.dumps(squad).encode(),
        ".pdf": pdf("A page.", "Another."),
        ".html": PAGE.encode(),
        ".docx": docx(),
        ".zip": zipped(("a.md", "A text in a zip."), ("b.jsonl", '{"text": "b"}')),
    }
    expected = huge(folder)
    number = 0
    while len(list(folder.iterdir())) < 1000:
        ending, content = damaged(rng, whole)
        odd = rng.choice(["f", "ü b", "f'\"", "-f", "f.pdf", "%s{0}", "F" * 180])
        (folder / f"{odd}{number}{ending}").write_bytes(content)
        number += 1
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    reasons: dict[str, list[str]] = {}
    for file, _, reason in found["rejected"]:
        reasons.setdefault(file.split("/")[0], []).append(reason)
        assert reason and "\n" not in reason and "Traceback" not in reason and len(reason) < 600
    read = {source.split("#")[0].split("/")[0] for source in found["sources"]}
    silent = {path.name for path in folder.iterdir()} - read - reasons.keys()
    with_questions_only = {name for name in silent if name.endswith((".csv", ".tsv", ".jsonl", ".json"))}
    assert silent == with_questions_only

    for name, pattern in expected.items():
        assert any(re.search(pattern, reason) for reason in reasons.get(name, [])), (name, reasons.get(name))
    assert not (tmp_path / "out.md").exists()
    print(f"peak {found['peak']} KiB, {len(found['sources'])} texts, {len(found['rejected'])} reasons")
    assert sum(found["peak"]) < MEGABYTE, f"{found['peak']} KiB"  # ru_maxrss counts KiB
