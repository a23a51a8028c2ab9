"""What was written, on the page Data: rows kept and dropped by reason, and sample rows with rationale, hard
negatives and where they come from. Reads artefacts; changes none."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora
from app.data import frames
from app.data.downloads import downloads
from app.data.parts import pick
from app.data.parts import verdicts as table
from app.frame import nothing, said
from app.text import duration, plain
from engine.artifact import read_lines, whole
from engine.data.records import Question
from engine.data.written import DROPPED
from engine.data.written import FILE as ROWS
from engine.errors import ConfigError
from jobs.material import FILE
from jobs.shelf import Thing, things
from jobs.workspace import artifact
from storage import artifacts


def written_questions() -> dict[str, Thing]:
    """Everything that was written, newest first, by id."""
    return {thing.id: thing for thing in reversed(things("questions"))}


def results(db: Database, found: dict[str, Thing]) -> None:
    """Choose what was written and look at it."""
    st.header("Written questions")
    if not found:
        nothing(
            "No questions were written yet",
            "Choose a dataset above and queue the job. The embedded models need no key and no network; a few "
            "hundred questions take them some minutes.",
        )
        return
    names = {row["id"]: row["name"] for row in artifacts.datasets(db)}
    words = {id: described(thing, names) for id, thing in found.items()}
    id = pick("Questions", words, "write_which")
    with said():
        place = artifact("questions", id)
        if not whole(place):
            raise ConfigError(
                f"The questions {id!r} are no longer there: choose others, or write them again."
            )
        facts(found[id].manifest)
        verdicts(found[id].manifest)
        rows(place, id)
        dropped(place / DROPPED, id)


def described(thing: Thing, names: dict[str, str]) -> str:
    """Written questions in one line."""
    made = thing.manifest
    of = names.get(str(made.get("dataset")), "a dataset that is gone" if made.get("dataset") else "questions")
    return (
        f"{of}: {made.get('counts', {}).get('kept', 0)} kept, by {made.get('writer', '?')} ({thing.id[:6]})"
    )


def facts(made: dict[str, Any]) -> None:
    """What it took."""
    counts, spent = made.get("counts") or {}, made.get("spent") or {}
    shown = [("Kept", f"{counts.get('kept', 0):,}"), ("Written", f"{sum(counts.values()):,}")]
    shown.append(("Other wordings kept", f"{(made.get('reworded') or {}).get('kept', 0):,}"))
    if made.get("seconds"):
        shown.append(("Time", duration(made["seconds"])))
    if spent:
        tokens = spent.get("prompt_tokens", 0) + spent.get("completion_tokens", 0)
        shown += [("Calls", f"{spent.get('calls', 0):,}"), ("From the cache", f"{spent.get('cached', 0):,}")]
        shown += [("Tokens", f"{tokens:,}"), ("Cost", f"${spent.get('cost', 0):,.4f}")]
    with st.container(horizontal=True):
        for label, value in shown:
            st.metric(label, value, width="content")
    if made.get("stopped"):
        st.warning(
            plain(
                f"It stopped early: {made['stopped']}. Raise the cap and queue it again: nothing is paid "
                "twice."
            )
        )


def verdicts(made: dict[str, Any]) -> None:
    """Kept and dropped by reason, the questions and their other wordings."""
    st.subheader("Kept and dropped")
    tables = [("Questions", made.get("counts")), ("Other wordings", made.get("reworded"))]
    for place, (title, counts) in zip(st.columns(2, gap="medium"), tables, strict=True):
        if not counts:
            continue
        with place:
            st.markdown(f"**{title}**")
            table(counts, f"write_verdicts_{title[0]}", f"{title} kept and dropped by reason", "stretch")


def rows(place: Path, id: str) -> None:
    """The first rows as a table, and one of them in full."""
    st.subheader("Rows")
    source = place / (ROWS if (place / ROWS).is_file() else FILE)
    first = list(islice(read(source), corpora.SHOWN))
    if not first:
        st.text("There is no row.")
        return
    st.dataframe(
        frames.written(map(question_of, first)),
        hide_index=True,
        key="write_rows",
        alt="The first written questions",
    )
    downloads(lambda: read(source), f"questions-{id[:6]}", "write_rows")
    words = {number: f"{number + 1}. {row['question']['question']}" for number, row in enumerate(first)}
    picked = st.selectbox(
        "One row in full",
        list(words),
        format_func=lambda number: words.get(number, ""),
        key=f"write_row_{id}",
    )
    full(first[picked if picked in words else 0])


def dropped(file: Path, id: str) -> None:
    """The first questions that were not kept, each with its reason."""
    first = list(islice(read_lines(file), corpora.SHOWN)) if file.is_file() else []
    if not first:
        return
    st.subheader("Dropped")
    alt = "The first questions that were dropped, with the reason"
    columns = ("question", "answer", "sentence", "reason")
    st.dataframe(frames.cells(first, columns), hide_index=True, key="write_dropped", alt=alt)
    downloads(lambda: read_lines(file), f"dropped-{id[:6]}", "write_dropped")


def read(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of written questions, each with a `question`; the offline writer's are nothing
    else."""
    for row in read_lines(file):
        yield row if isinstance(row.get("question"), dict) else {"question": row}


def question_of(row: Mapping[str, Any]) -> Question:
    """The question of a row."""
    return Question(**row["question"])


def full(row: dict[str, Any]) -> None:
    """One row: question, answer, why, the passages that are near and do not answer, and where it is from."""
    one = question_of(row)
    with st.container(border=True):
        st.markdown(f"**{plain(one.question)}**")
        answer = "; ".join(one.answers) or "The documents do not answer it."
        st.markdown(f"Answer: {plain(answer)}")
        for label, texts in (
            ("Why", [row.get("rationale") or ""]),
            ("Said by", row.get("cited") or ([one.evidence] if one.evidence else [])),
            ("Near, and not the answer", row.get("negatives") or []),
        ):
            if any(texts):
                st.markdown(f"**{label}**")
                st.markdown("\n".join(f"- {plain(text)}" for text in texts if text))
        where = [f"document {one.document}" if one.document else "", one.kind and f"kind {one.kind}"]
        where += [_origin(name, value) for name, value in (row.get("provenance") or {}).items()]
        st.caption(plain(", ".join(filter(None, where))) or "Nothing is known of where it comes from.")


def _origin(name: str, value: Any) -> str:
    if name == "chunks" and isinstance(value, list):
        return "; ".join(f"{id} from letter {start} to {end}" for id, start, end in value)
    return f"{name} {value}"
