"""PDF, HTML, DOCX and zips: their text, pages and sections come out; what is broken costs itself alone."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from engine.data.boxed import Box
from engine.data.formats import Unusable
from engine.data.load import load
from engine.data.records import Corpus, Document, Mark, fingerprint
from engine.errors import DataError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def pdf(*pages: str, broken: bool = False) -> bytes:
    """A PDF of a page a text, written by hand: each line of a page is one line."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for text in pages:
        shown = " ".join(f"({line}) Tj T*" for line in text.split("\n"))
        content = f"BT /F1 12 Tf 14 TL 50 700 Td {shown} ET"
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    whole = (out + end).encode()
    return whole[: len(out) // 3] if broken else whole


def docx() -> bytes:
    import docx as library

    document = library.Document()
    document.add_heading("Harbour", 0)
    document.add_paragraph("The harbour opened in 1874.")
    document.add_heading("Prices", 2)
    document.add_paragraph("for a day", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ["boat", "price", "small", "7"], strict=True
    ):
        cell.text = text
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


ARTICLE = (
    "The Clock Museum in Arlen holds 620 clocks from nine countries. It was founded in 1931 by a watchmaker. "
)
TICKETS = "A ticket costs seven crowns on every day of the week but Sunday. "
PAGE = f"""<!doctype html><html><head><title>Clocks - Arlen</title><script>var tracker = 1;</script></head>
<body><nav><a href="/">Home</a> <a href="/shop">Shop</a></nav><main><article><h1>Clock Museum</h1>
<p>{ARTICLE * 3}</p><h2>Tickets</h2><p>{TICKETS * 3}</p></article></main>
<footer>Cookies and imprint</footer></body></html>"""


def zipped(*entries: tuple[str, bytes | str]) -> bytes:
    """A zip that is the same at any time of day: tests are named after some."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        for name, content in entries:
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def loaded(folder: Path, **files: bytes | str) -> Corpus:
    """The corpus of a folder of these files; in names, `__` stands for the dot."""
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(raw)
    return load(folder)


def test_the_pages_of_a_pdf_are_kept_for_citations(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path, a__pdf=pdf("First page.", "", "Third page\nof text.")).documents
    assert document.text == "First page.\n\nThird page\nof text." and document.title == "First page."
    assert document.marks == (Mark(0, 1), Mark(13, 3))
    assert [document.place(at) for at in (0, 12, 13, 30)] == ["page 1", "page 1", "page 3", "page 3"]


def test_headings_lists_and_tables_of_a_docx_are_kept(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path, a__docx=docx()).documents
    assert document.text == (
        "# Harbour\n\nThe harbour opened in 1874.\n\n## Prices\n\n- for a day\n\n"
        "| boat | price |\n| small | 7 |"
    )
    assert document.place(document.text.index("small")) == "Harbour > Prices"


def test_a_web_page_loses_its_menus_and_scripts_and_keeps_its_sections(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path, a__html=PAGE).documents
    assert "620 clocks" in document.text and "seven crowns" in document.text
    assert not any(word in document.text for word in ("Cookies", "tracker", "Shop", "<"))
    assert document.title.startswith("Clock")
    assert document.place(document.text.index("seven crowns")).endswith("Tickets")


def test_a_web_page_is_read_in_the_encoding_it_names(tmp_path: Path) -> None:
    page = PAGE.replace("<head>", '<head><meta charset="windows-1251">').replace("Arlen", "Арлен")
    (document,) = loaded(tmp_path, a__html=page.encode("cp1251")).documents
    assert "Арлен" in document.text


def test_marks_do_not_change_what_a_document_is() -> None:
    plain = Document("a", "A", "text")
    assert fingerprint([plain]) == fingerprint([Document("a", "A", "text", "x.pdf", (Mark(0, 1),))])
    assert fingerprint([plain]) == "3478bdb9b059fee2"  # as it was before documents had marks
    assert plain.place(2) == ""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", b"%PDF-1.7\n" + b"garbage" * 50, "broken"),
        ("a.pdf", pdf("Some text.", broken=True), "broken"),
        ("a.pdf", pdf(""), "no text in it"),
        ("a.pdf", b"plain text", "not a PDF"),
        ("a.docx", b"plain text", "broken or not a DOCX"),
        ("a.docx", zipped(("x.txt", "x")), "not a DOCX"),
        ("a.html", "just words", "not HTML"),
        ("a.html", "<div>" * 100_000 + "x", "tags deep"),
        ("a.html", "<p>x</p>" * 160_000, "320,000 tags"),
        ("a.html", "<html><body></body></html>", "empty"),
        ("a.txt", pdf("Some text."), "by its first bytes it is a PDF"),
        ("a.jsonl", zipped(("x.txt", "x")), "by its first bytes it is a zip"),
        ("a.zip", b"PK\x03\x04 no zip", "broken or cut off zip"),
        ("a.zip", zipped(("x.txt", "text" * 500))[:-40], "broken or cut off zip"),
    ],
)
def test_what_is_broken_says_why_in_one_line(
    tmp_path: Path, name: str, content: bytes | str, reason: str
) -> None:
    corpus = loaded(tmp_path, **{name.replace(".", "__"): content, "good__txt": "good"})
    assert [d.text for d in corpus.documents] == ["good"]
    ((file, row, said),) = [(r.file, r.row, r.reason) for r in corpus.rejected]
    assert (file, row) == (name, 0) and reason in said and "\n" not in said and len(said) < 250


def test_what_hangs_or_swells_costs_itself_alone(tmp_path: Path) -> None:
    """A reader that never ends, and one that takes all memory, are ended; the next file is read as ever."""
    good, slow = tmp_path / "good.pdf", tmp_path / "slow.pdf"
    good.write_bytes(pdf("Fine."))
    os.mkfifo(slow)
    with Box() as box:
        assert box.read(good, "pdf").text == "Fine."
        box.seconds = 0.5
        with pytest.raises(Unusable, match="longer than 0.5 seconds"):
            box.read(slow, "pdf")
        box.seconds = 60
        assert box.read(good, "pdf").text == "Fine."
        assert box.started == 2
        box.memory = 30 << 20
        box.close()
        with pytest.raises(Unusable, match="memory|crash"):
            box.read(good, "pdf")
        box.memory = 700 << 20
        assert box.read(good, "pdf").text == "Fine."


# Zips


def test_a_zip_is_read_as_a_folder(tmp_path: Path) -> None:
    inner = zipped(
        ("b/intro.md", "# Intro\n\nText."),
        ("rows.jsonl", '{"text": "row"}\n{"x": 1}\n'),
        ("p.pdf", pdf("P.")),
    )
    corpus = loaded(tmp_path, a__zip=inner, intro__md="Other.")
    assert [(d.id, d.source) for d in corpus.documents] == [
        ("a-zip-b-intro", "a.zip/b/intro.md"),
        ("p", "a.zip/p.pdf"),
        ("rows-1", "a.zip/rows.jsonl#1"),
        ("intro", "intro.md"),
    ]
    assert [(r.file, r.row) for r in corpus.rejected] == [("a.zip/rows.jsonl", 2)]


def _link() -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo("link.md")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, "good.md"


def test_entries_that_lead_out_or_swell_are_refused_and_write_nothing_outside(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("../out.md", "/abs.md", "a/../../out.md", "c:/x.md", "..\\out.md", "in.zip"):
            packed.writestr(name, "text " + name)
        packed.writestr(*_link())
        packed.writestr("bomb.txt", b"0" * 30_000_000)
        packed.writestr("good.md", "good")
        packed.writestr(".hidden.md", "hidden")
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    corpus = loaded(root, a__zip=held.getvalue())
    assert [d.text for d in corpus.documents] == ["good"]
    reasons = {r.file.removeprefix("a.zip/"): r.reason for r in corpus.rejected}
    assert len(reasons) == 8
    assert (
        "link" in reasons["link.md"]
        and "30 MB" in reasons["bomb.txt"]
        and "zip in a zip" in reasons["in.zip"]
    )
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.zip"]


def test_an_archive_that_lies_about_a_size_is_stopped(tmp_path: Path) -> None:
    raw = bytearray(zipped(("a.txt", b"x" * 400_000)))
    true = (400_000).to_bytes(4, "little")
    assert raw.count(true) == 2
    lying = bytes(raw).replace(true, (100).to_bytes(4, "little"))
    corpus = loaded(tmp_path, a__zip=lying, good__txt="good")
    assert [d.text for d in corpus.documents] == ["good"]
    assert "cannot be unpacked" in corpus.rejected[0].reason


def test_a_file_that_is_only_a_zip_of_nothing_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped())
    with pytest.raises(DataError, match="can be used"):
        load(tmp_path / "a.zip")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_real_pdfs_are_read_with_all_their_pages(tmp_path: Path) -> None:
    corpus = load(SHARED / "documents" / "ntsb-pdf")
    assert len(corpus.documents) == 12 and not corpus.rejected
    for document in corpus.documents:
        assert "National Transportation Safety Board" in document.text
        pages = [mark.page for mark in document.marks]
        assert pages == list(range(1, len(pages) + 1)) and f"Page 1 of {len(pages)}" in document.text
        for mark in document.marks:
            assert f"Page {mark.page} of" in document.text[mark.start :][:2000]
