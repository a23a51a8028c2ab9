"""Uploads of the part Import of the page Data: files kept in the workspace under a name, and deleted again.
Reads none of them."""

from pathlib import Path

import streamlit as st
from sqlite_utils import Database

from app import corpora
from app.frame import said
from app.text import plain

ENDINGS = ["md", "txt", "html", "htm", "pdf", "docx", "csv", "tsv", "jsonl", "ndjson", "json", "zip"]
DONE = "data_uploads_deleted"


def upload() -> None:
    """Keep files in the workspace under a name."""
    if done := st.session_state.pop(DONE, None):
        st.success(plain(done))
    # closed until it is wanted: the drop zone's own markup breaks a rule of accessibility that we can't mend
    with (
        st.expander("Choose files", key="data_upload_open"),
        st.form("data_upload", border=False, clear_on_submit=True),
    ):
        name = st.text_input(
            "Name", key="data_upload_name", max_chars=64, help="1 to 64 of a-z, 0-9, '.', '_' and '-'"
        )
        given = st.file_uploader("Files", ENDINGS, accept_multiple_files=True, key="data_upload_files")
        sent = st.form_submit_button("Keep these files", type="primary", key="data_upload_submit")
    if sent:
        with said():
            place = corpora.save(name or "", given)
            st.session_state["data_uploads"] = place.name
            st.success(f"{len(given)} files are in the workspace. Look at them and import them below.")


def deletion(db: Database, place: Path) -> None:
    """The button that deletes an upload, which works once the box is ticked."""
    with st.expander("Delete these files"):
        st.text("Datasets that were imported from them keep their own copy and stay.")
        sure = st.checkbox(f"Delete the files of {plain(place.name)} for good", key=f"data_sure_{place.name}")
        if st.button("Delete", key="data_upload_delete", disabled=not sure):
            with said():
                corpora.remove(db, place)
                st.session_state[DONE] = f"The files of {place.name} are deleted."
                st.rerun()
