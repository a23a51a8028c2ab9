"""The page Data: from files to clean documents, honest splits, written questions and preference pairs. Its
parts are modules in app/data; which one is shown stands in the address (`?part=Clean`).
"""

import streamlit as st

from app.data import bring, cleaning, look, pairing, splitting, writing
from app.data.parts import PART
from app.frame import workspace

PARTS = {
    "Look": look.part,
    "Import": bring.part,
    "Clean": cleaning.part,
    "Split": splitting.part,
    "Synthesize": writing.part,
    "Pairs": pairing.part,
}

st.title("Data")
with workspace() as db:
    # not a segmented control: the word that is chosen would be too faint on a dark page
    chosen = st.radio("What to do", list(PARTS), horizontal=True, key=PART, bind="query-params")
    PARTS[chosen if chosen in PARTS else "Look"](db)
