"""Encodings: what is not UTF-8 is guessed, the guess is said, and a person can name it."""

from pathlib import Path

import pytest

from engine.data.load import load, preview
from engine.errors import ConfigError, DataError

POLISH = "Zażółć gęślą jaźń. Rada Ministrów przyjęła ustawę o świadczeniach."
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. Vláda schválila návrh zákona."
TURKISH = "Bakana göre değişiklikler gelecek yılın başında yürürlüğe girecek."
RUSSIAN = "Правительство в среду одобрило закон."
JAPANESE = "政府は水曜日、高齢者への支援の条件を定める法案を決めた。"
FRENCH = "L’aide aux personnes âgées sera versée dès l’année prochaine, à Noël."


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((POLISH, name) for name in ("cp1250", "iso8859-2", "utf-16-le", "utf-16-be")),
        *((CZECH, name) for name in ("cp1250", "utf-16-le")),
        *((TURKISH, name) for name in ("cp1254", "iso8859-9")),
        *((RUSSIAN, name) for name in ("cp1251", "koi8-r", "utf-16-le")),
        *((JAPANESE, name) for name in ("shift_jis", "euc_jp")),
        (FRENCH, "cp1252"),
        ("café – déjà vu", "cp1252"),
    ],
)
def test_an_encoding_that_is_guessed_is_guessed_right_and_said(
    tmp_path: Path, text: str, encoding: str
) -> None:
    write(tmp_path / "t.txt", ("All in ASCII here.\n" * 9_000 + text).encode(encoding))
    corpus = load(tmp_path)
    assert corpus.documents[0].text.endswith(text)
    (note,) = corpus.notes
    shown = "All in ASCII" if encoding.startswith("utf") else text[:8]
    assert note.file == "t.txt" and "guess" in note.note and shown in note.note
    named = load(tmp_path, encoding=encoding)
    assert named.documents == corpus.documents and not named.notes


def test_a_named_encoding_is_for_what_is_not_utf_8(tmp_path: Path) -> None:
    write(tmp_path / "marked.txt", f"{POLISH} marked".encode("utf-16"))
    write(tmp_path / "page.html", f"<html><body><p>{POLISH} page</p></body></html>".encode("cp1250"))
    write(tmp_path / "rows.csv", f"text\n{POLISH}\n".encode("cp1250"))
    write(tmp_path / "utf8.txt", f"{POLISH} utf8")
    corpus = load(tmp_path, encoding="windows-1250")
    assert all(POLISH in document.text for document in corpus.documents) and len(corpus.documents) == 4
    assert not corpus.notes and not corpus.rejected
    assert preview(tmp_path / "rows.csv", encoding="cp1250").rows == ({"text": POLISH},)
    assert {note.file for note in load(tmp_path).notes} == {"page.html", "rows.csv"}


@pytest.mark.parametrize("name", ["utf-16", "UTF-16-LE"])
def test_what_is_ascii_is_not_read_by_twos_whatever_is_named(tmp_path: Path, name: str) -> None:
    """Before: `utf-16` was refused, in a sentence that offers it, and ASCII came out as Chinese."""
    write(tmp_path / "ascii.txt", "Plain words, an even number..")
    write(tmp_path / "wide.txt", POLISH.encode("utf-16-le"))
    texts = {one.text for one in load(tmp_path, encoding=name).documents}
    assert texts == {"Plain words, an even number..", POLISH}


def test_bytes_with_nul_are_no_utf_8_and_a_note_holds_no_control_character(tmp_path: Path) -> None:
    """Before: with a letter beyond ASCII in it, a file of NUL bytes was taken for text."""
    write(tmp_path / "bytes.txt", f"{POLISH}\0{POLISH}")
    write(
        tmp_path / "page.html", f"<html><body><p>Zażółć \x1b[2J {POLISH}</p></body></html>".encode("cp1250")
    )
    found = load(tmp_path)
    assert [one.reason for one in found.rejected if one.file == "bytes.txt"] == [
        "not text (it holds NUL bytes)"
    ]
    (note,) = found.notes
    assert note.note.isprintable()


def test_a_wrong_name_is_one_sentence(tmp_path: Path) -> None:
    file = write(tmp_path / "x.txt", RUSSIAN.encode("cp1251") + b"\x81")
    for name in ("klingon", "base64", "x\0y"):
        with pytest.raises(ConfigError, match="There is no encoding .* name one such as"):
            load(file, encoding=name)
    with pytest.raises(DataError, match="broken SHIFT_JIS text"):
        load(file, encoding="shift_jis")
