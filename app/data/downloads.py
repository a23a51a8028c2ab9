"""Rows of the page Data as files to take along: CSV that no spreadsheet runs, and JSONL."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import streamlit as st

_FORMULA = ("=", "+", "-", "@", "\t")


def downloads(rows: Callable[[], Iterable[Mapping[str, Any]]], name: str, key: str) -> None:
    """Buttons that give all that `rows` gives as CSV and as JSONL; the files are made when they are asked
    for."""
    with st.container(horizontal=True):
        for ending, write, mime in (
            ("csv", as_csv, "text/csv"),
            ("jsonl", as_jsonl, "application/x-ndjson"),
        ):
            st.download_button(
                f"All as {ending.upper()}",
                data=partial(_written, write, rows),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"{key}_{ending}",
                on_click="ignore",
            )


def _written(
    write: Callable[[Iterable[Mapping[str, Any]]], bytes], rows: Callable[[], Iterable[Mapping[str, Any]]]
) -> bytes:
    return write(rows())


def as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as CSV. A cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue().encode("utf-8", "replace")


def as_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as JSON objects, one a line."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode("utf-8", "replace")


def _harmless(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
