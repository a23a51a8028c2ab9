"""The part Import of the page Data: files from this computer or one web address, what their columns mean,
what the loader makes of them, and the job that imports them."""

from pathlib import Path
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora, forms, launch
from app.corpora import Seen
from app.data import frames, mapping, uploads
from app.data.downloads import downloads
from app.data.look import shown
from app.data.parts import look_at, running
from app.frame import said
from app.text import plain
from engine.data.columns import Preview, written
from engine.data.encoding import known
from engine.data.load import preview
from jobs import queue
from jobs.kinds import KINDS
from jobs.workspace import artifact
from jobs.workspace import key as short
from storage import artifacts, jobs


@st.cache_data(max_entries=8, show_spinner="Reading the files")
def tried(place: Path, stamp: str, columns: tuple[tuple[str, str], ...], encoding: str) -> Seen | None:
    """What the loader makes of uploaded files as they are now."""
    return corpora.trial(place, dict(columns), encoding)


@st.cache_data(max_entries=8, show_spinner="Reading the first rows")
def first_rows(file: Path, stamp: str, encoding: str) -> Preview | None:
    """The first rows of a file as it is now; None if it is too large to look into here."""
    if file.suffix.lower() == ".json" and corpora.size_of(file) > corpora.PREVIEW_BYTES:
        return None
    return preview(file, encoding=encoding)


def stamp_of(place: Path) -> str:
    """What changes when the files do."""
    files = [place] if place.is_file() else sorted(place.iterdir())
    return short(*((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


def part(db: Database) -> None:
    """Bring files in and import them; what the last import left out."""
    st.header("Bring your own documents")
    st.caption("They stay on this machine. Rows that cannot be read are named and the rest is used.")
    web = st.toggle(
        "Read from a web address instead",
        key="data_web",
        help="Off: nothing is fetched. On: one public http(s) address, no address of this network.",
    )
    if web:
        from_web(db)
    else:
        uploads.upload()
        files(db)
    with st.expander("Import a sample, or a folder of this machine by its path"):
        launch.form(db, "import", "", leave=("url",), warn=False)
    running(db, ("import",))
    last(db)


def files(db: Database) -> None:
    """What is in an upload, what its columns mean, and the form that imports it."""
    there = corpora.uploaded()
    if not there:
        return
    if st.session_state.get("data_uploads") not in there:
        st.session_state.pop("data_uploads", None)
    picked = st.selectbox("Uploaded files", list(there), key="data_uploads", persist_state="session")
    if picked not in there:
        return
    place = there[picked]
    uploads.deletion(db, place)
    with said():
        try:
            encoding = named(place)
            columns = meaning(place, encoding)
            seen = tried(place, stamp_of(place), tuple(columns.items()), encoding)
        except FileNotFoundError:
            st.warning("These files were deleted meanwhile: choose others, or bring them in again.")
            return
        if seen is None:
            st.text("Too large to look into here: the import job reads all of it.")
        else:
            st.subheader("What would be imported")
            shown(seen, "data_preview", picked)
            if not any(seen.counts[name] for name in corpora.RECORDS):
                why = seen.rejected[0].reason if seen.rejected else "there is no file in it"
                st.error(f"Nothing here can be used: {plain(why)}.")
                return
        importing(db, place, written(columns), encoding, there)


def named(place: Path) -> str:
    """The encoding that the person names for the texts of an upload that are not UTF-8; empty: it is guessed.
    Raises ConfigError for one that there is not."""
    given = st.text_input(
        "Encoding of texts that are not UTF-8",
        key=f"data_encoding_{place.name}",
        max_chars=40,
        placeholder="guessed",
        help="Such as cp1250, iso8859-2, cp1251, shift_jis. Left empty it is guessed, and each guess is "
        "shown below with words that were read by it.",
    )
    return known(given or "")


def meaning(place: Path, encoding: str) -> dict[str, str]:
    """The mapping of columns that the person chose for the files of an upload; empty: by their names."""
    rows = {file.name: file for file in corpora.with_rows(place)}
    if not rows:
        return {}
    name = next(iter(rows))
    if len(rows) > 1:
        name = st.selectbox("File with rows", list(rows), key=f"data_rows_{place.name}") or name
    file = rows.get(name, rows[next(iter(rows))])
    stamp, key = stamp_of(file), f"data_map_{short(place.name, name)}"
    found = first_rows(file, stamp, encoding)
    if found is None or not found.columns:
        st.caption("This file has no columns to choose from." if found else "Too large to look into here.")
        return {}
    st.subheader("Columns")
    mapping.rows(found, key)
    by_name = tried(file, stamp, (), encoding)
    good = by_name is not None and not by_name.rejected
    with st.container(horizontal=True, vertical_alignment="center"):
        own = st.toggle("Say which column is what", value=not good, key=f"{key}_own")
        if len(rows) > 1:
            st.caption(f"It then holds for all {len(rows)} files with rows.")
    if not own:
        guess = ", ".join(f"{field} = {column}" for field, column in found.guess.items())
        st.caption(f"Columns are taken by their names: {plain(guess)}." if guess else "Taken by their names.")
        return {}
    return mapping.boxes(found, key)


def importing(db: Database, place: Path, columns: str, encoding: str, there: dict[str, Path]) -> None:
    """The form that queues the import of an upload."""
    others = {str(path): name for name, path in there.items() if path != place}
    with st.form("data_import", border=True):
        left, right = st.columns(2, gap="medium")
        with left:
            name = st.text_input(
                "Name of the dataset", value=place.name, key=f"data_import_name_{place.name}"
            )
        with right:
            questions = st.selectbox(
                "Questions",
                ["", *others],
                format_func=lambda path: others.get(path, "those in these files, if any"),
                key="data_import_questions",
                help="Another upload with questions about these documents",
            )
        sent = st.form_submit_button("Import", type="primary", key="data_import_submit")
    if sent:
        values = {"documents": str(place), "name": name, "questions": questions or "", "columns": columns}
        submit(values | {"encoding": encoding})


def from_web(db: Database) -> None:
    """The form that imports one web address."""
    with st.form("data_web_form", border=True):
        address = st.text_input(
            "Address", key="data_web_address", max_chars=2000, placeholder="https://example.org/page.html"
        )
        name = st.text_input("Name of the dataset", key="data_web_name", max_chars=64)
        sent = st.form_submit_button("Fetch and import", type="primary", key="data_web_submit")
    if sent:
        if not (address or "").strip().lower().startswith(("http://", "https://")):
            said_ = f"{address or ''!r} is no web address: give one that begins with https://."
            st.error(plain(said_))
            return
        submit({"documents": address.strip(), "name": name, "url": True})


def submit(values: dict[str, Any]) -> None:
    """Queue an import, or say what is wrong with it."""
    with said():
        launch.submitted(queue.submit("import", forms.made(KINDS["import"].Spec, values)), warn=False)


def last(db: Database) -> None:
    """What the last import made, and everything that it could not read."""
    done = jobs.listed(db, kind="import", state=jobs.DONE, limit=1)
    id = Path(done[0]["artifact"] or "-").name if done else ""
    row = artifacts.find_dataset(db, id=id) if id else None
    if row is None:
        return
    st.header("The last import")
    lost = row["rejected"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.metric("Dataset", row["name"], width="content")
        st.metric("Documents", row["documents"], width="content")
        st.metric("Questions", row["questions"], width="content")
        st.metric("Not read", len(lost), width="content")
    if guessed := corpora.notes(artifact("dataset", id)):
        frame = frames.notes(guessed[: corpora.SHOWN])
        st.subheader("Read by a guess")
        st.dataframe(frame, hide_index=True, key="data_last_notes", alt="What was read by a guess")
    st.button("Look into it", on_click=look_at, args=(row["id"],), key="data_look_last")
    if lost:
        st.subheader("What could not be read")
        if len(lost) > corpora.SHOWN:
            st.caption(f"The first {corpora.SHOWN} of {len(lost)}; the files hold all of them.")
        frame = frames.rejected(lost[: corpora.SHOWN])
        st.dataframe(frame, hide_index=True, key="data_last_rejected", alt="What could not be read")
        downloads(lambda: map(frames.reject, lost), f"{row['name']}-rejected", "data_last")
