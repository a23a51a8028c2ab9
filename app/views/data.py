"""The page Data: the corpora there are, files brought in, what was read of them and what was not, and the
jobs that import them and write questions.
"""

from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora, launch, tables
from app.corpora import Seen
from app.frame import nothing, said, workspace
from app.text import when
from engine.data.load import SAMPLES
from jobs.kinds import KINDS
from storage import artifacts

ENDINGS = ["md", "txt", "jsonl", "csv", "json", "html", "pdf", "docx"]
ELSEWHERE = ("import", "index", "train", "evaluate", "ablation")  # kinds that have a place of their own
ABOUT = {
    "space": "42 articles on spaceflight and the solar system, with questions",
    "handbook": "Bantam's own handbook, a page a technique, with questions",
}


@st.cache_data(max_entries=4, show_spinner=False)
def sample(name: str) -> Seen:
    """A sample corpus, read once: it does not change."""
    return corpora.sample(name)


def shown(seen: Seen, key: str) -> None:
    """Documents, questions and what was left out, each as a table."""
    counts = seen.counts or {
        "documents": len(seen.documents),
        "questions": len(seen.questions),
        "rejected": len(seen.rejected),
    }
    parts: list[tuple[str, Any, str]] = [
        ("documents", tables.documents(seen.documents), "There is no document."),
        ("questions", tables.questions(seen.questions), "There is no question; the lab can write its own."),
        ("rejected", tables.rejected(seen.rejected), "Nothing was left out."),
    ]
    for name, frame, none in parts:
        lost = name == "rejected" and counts[name] > 0
        with st.expander(f"{name.capitalize()} ({counts[name]})", expanded=name == "documents" or lost):
            if frame.empty:
                st.text(none)
                continue
            if counts[name] > len(frame):
                st.caption(f"The first {len(frame)} of {counts[name]}.")
            st.dataframe(frame, hide_index=True, key=f"{key}_{name}", alt=f"The {name}")


def described(row: dict[str, Any]) -> str:
    """A dataset in one line."""
    counts = f"{row['documents']} documents, {row['questions']} questions"
    return f"{row['name']}: {counts}, {when(row['created_at'])}"


def corpus(db: Database) -> None:
    """Choose a sample or a dataset and look into it."""
    rows = {row["id"]: row for row in artifacts.datasets(db)}
    options = [*SAMPLES, *(id for id in rows if rows[id]["path"] not in SAMPLES)]
    words = {name: f"{name} (sample): {ABOUT.get(name, '')}" for name in SAMPLES}
    words |= {id: described(row) for id, row in rows.items()}
    picked = st.selectbox(
        "Corpus",
        options,
        format_func=lambda name: words.get(name, name),
        key="data_corpus",
        persist_state="session",
    )
    if picked in SAMPLES:
        shown(sample(picked), "data_sample")
        return
    row = artifacts.find_dataset(db, id=picked)
    if row is None:
        st.warning("This dataset is no longer there.")
        return
    st.caption(f"Dataset {row['id']}, fingerprint {row['fingerprint']}.")
    shown(corpora.dataset(row), "data_dataset")


def upload() -> None:
    """Bring files in, and look at what the loader makes of them before they are imported."""
    st.header("Bring your own documents")
    st.caption("They stay on this machine. Rows that cannot be read are named and the rest is used.")
    # closed until it is wanted: the drop zone's own markup breaks a rule of accessibility that we can't mend
    with (
        st.expander("Choose files", key="data_upload_open"),
        st.form("data_upload", border=False, clear_on_submit=True),
    ):
        name = st.text_input(
            "Name", key="data_upload_name", max_chars=64, help="1 to 64 of a-z, 0-9, '.', '_' and '-'"
        )
        files = st.file_uploader("Files", ENDINGS, accept_multiple_files=True, key="data_upload_files")
        sent = st.form_submit_button("Keep these files", type="primary", key="data_upload_submit")
    if sent:
        with said():
            place = corpora.save(name or "", files)
            st.session_state["data_uploaded"] = place.name
            st.success(f"{len(files)} files are in the workspace. Look at them and import them below.")
    there = corpora.uploaded()
    if not there:
        return
    waiting = list(there)
    last = st.session_state.get("data_uploaded")
    picked = st.selectbox(
        "Uploaded files",
        waiting,
        index=waiting.index(last) if last in waiting else 0,
        key="data_uploads",
    )
    if picked in there:
        with said():
            seen = corpora.preview(there[picked])
            if seen is None:
                st.text("Too large to look into here: the import job reads it.")
            else:
                shown(seen, "data_preview")


st.title("Data")
with workspace() as db:
    if not artifacts.datasets(db):
        nothing(
            "No dataset of your own yet",
            "Two sample corpora come with the lab, so that you can look around. Upload your own documents "
            "below and import them; the report names every row that could not be read.",
        )
    corpus(db)
    upload()
    start = st.session_state.get("data_uploaded")
    uploads = corpora.uploaded()
    launch.form(
        db,
        "import",
        "Import",
        start={"documents": str(uploads[start]), "name": start} if start in uploads else None,
    )
    st.header("Work on a dataset")
    kinds = [kind for kind in KINDS if kind not in ELSEWHERE]
    kind = st.selectbox(
        "What to do",
        kinds,
        format_func=lambda name: KINDS[name].about,
        key="data_kind",
        persist_state="session",
    )
    if kind in kinds:
        launch.form(db, kind, "")
