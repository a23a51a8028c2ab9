"""Rows into the tables of the pages: a DataFrame each, and the headings, formats and help of its columns.

Calls no page and reads no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from streamlit import column_config as column

from app.text import duration, since, size, when

if TYPE_CHECKING:
    import pandas as pd

    from engine.retrieval.search import Hit
    from jobs.shelf import Thing

LETTERS = 300  # of a text in a cell; the whole text is where the row is opened

HITS = {
    "rank": column.NumberColumn("rank", width="small"),
    "document": column.TextColumn("document"),
    "where": column.TextColumn("where", help="The page or section, if the document has any"),
    "fused": column.NumberColumn(
        "fused", format="%.3f", help="0-1 within a question; what the order is made of"
    ),
    "dense": column.NumberColumn("dense", format="%.3f", help="Cosine of question and chunk"),
    "bm25": column.NumberColumn("BM25", format="%.2f", help="Raw BM25 score over word stems"),
    "tokens": column.NumberColumn("tokens", help="By the embedder's tokenizer"),
    "text": column.TextColumn("text", width="large"),
}
QUEUE = {
    "id": column.TextColumn("job", help="What the command line calls it"),
    "took": column.TextColumn("time", help="How long it took, or has been running"),
    "progress": column.ProgressColumn("done", format="percent", min_value=0, max_value=1),
}
# heading -> where it stands in the manifest
MADE = {
    "adapter": {"base model": "base", "rank": "spec.r", "tokens trained": "tokens", "job": "job"},
    "experiment": {"arms": "arms", "dataset": "dataset", "index": "index", "adapter": "adapter"},
    "index": {"chunks": "chunks", "sentences": "sentences", "size": "size", "embedder": "embedder"},
    "questions": {"kept": "counts.kept", "writer": "writer", "seconds": "seconds"},
    "dataset": {"name": "name", "documents": "documents", "questions": "questions", "source": "source"},
}
ANSWERS = {
    "question": column.TextColumn("question", width="large"),
    "accepted": column.TextColumn(
        "accepted", help="Accepted answers; none means the documents do not answer"
    ),
    "f1": column.NumberColumn("F1", format="%.0f", help="0-100; not scored for questions without an answer"),
    "cited": column.NumberColumn("citation", format="%.0f", help="100: the cited evidence holds the answer"),
    "verdict": column.NumberColumn(
        "verifier", format="%.2f", help="The verifier's belief that it is supported, 0-1"
    ),
    "prompt_tokens": column.NumberColumn("prompt tokens"),
}


def hits(found: Sequence["Hit"]) -> "pd.DataFrame":
    """Chunks found, best first; with their pages or sections where one of them has any."""
    known = any(hit.chunk.where for hit in found)
    return frame(
        {
            "rank": number,
            "document": hit.chunk.title or hit.chunk.document,
            **({"where": cut(hit.chunk.where)} if known else {}),
            "fused": hit.fused,
            "dense": hit.dense,
            "bm25": hit.bm25,
            "tokens": hit.chunk.tokens,
            "text": cut(hit.chunk.text),
        }
        for number, hit in enumerate(found, 1)
    )


def numbers(values: Mapping[str, float | None]) -> "pd.DataFrame":
    """Names and numbers."""
    return frame({"name": name, "value": measured(name, value)} for name, value in values.items())


def measured(name: str, value: float | None) -> str:
    """A metric's value in four digits; bytes in their unit; "" where it was not measured or is no number."""
    if value is None:
        return ""
    return size(value) if "memory" in name or "bytes" in name else f"{value:.4g}"


def queue(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Jobs as they stand in the queue."""
    return frame(
        {
            "state": row["state"],
            "kind": row["kind"],
            "name": row["name"],
            "progress": _share(row),
            "took": duration(since(row["started_at"], row["ended_at"])) if row["started_at"] else "",
            "queued": when(row["created_at"]),
            "error": cut(row["error"] or ""),
            "id": row["id"],
        }
        for row in rows
    )


def answers(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Answers of an arm, a line each."""
    return frame(
        {
            "question": cut(row["question"]),
            "answer": "I don't know" if row["refused"] else cut(row["answer"]),
            "accepted": cut("; ".join(row["golds"])),
            "f1": None if row["f1"] is None else 100 * row["f1"],
            "cited": None if row["citation_ok"] is None else 100 * row["citation_ok"],
            "verdict": row["verdict"],
            "prompt_tokens": row["prompt_tokens"],
        }
        for row in rows
    )


def made(kind: str, things: Sequence["Thing"]) -> "pd.DataFrame":
    """Artefacts of one kind, a line each, with what matters of their manifests."""
    wanted = MADE[kind]
    return frame(
        {"id": one.id, **{label: _deep(one.manifest, path) for label, path in wanted.items()}}
        for one in things
    )


def _deep(manifest: Mapping[str, Any], path: str) -> Any:
    """A value of a manifest by its path ("spec.r"); a list or an object is counted or joined."""
    value: Any = manifest
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return ", ".join(value) if isinstance(value, Mapping | list) else value


def differences(specs: Mapping[str, Mapping[str, Any]], everything: bool = False) -> "pd.DataFrame":
    """Settings of several jobs side by side: a line a setting, a column a job; only what differs, unless
    `everything`."""
    names = list(dict.fromkeys(name for spec in specs.values() for name in spec))
    lines = []
    for name in names:
        values = [_shown(spec.get(name)) for spec in specs.values()]
        if everything or len(set(values)) > 1:
            lines.append({"setting": name, **dict(zip(specs, values, strict=True))})
    return frame(lines)


def side_by_side(values: Mapping[str, Mapping[str, float | None]]) -> "pd.DataFrame":
    """Last numbers of several jobs: a line a number, a column a job."""
    names = sorted({name for numbers_ in values.values() for name in numbers_})
    return frame(
        {"number": name, **{job: measured(name, found.get(name)) for job, found in values.items()}}
        for name in names
    )


def _share(row: Mapping[str, Any]) -> float | None:
    if row["state"] == "done":
        return 1.0
    now = row.get("progress") or {}
    return min(1.0, now["done"] / now["total"]) if now.get("total") else None


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def cut(text: str) -> str:
    """A text as a cell shows it: one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LETTERS else line[: LETTERS - 1] + "\u2026"


def frame(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(list(rows))
