"""The lab's frame: settings of the window and the list of pages. It draws nothing itself.

Run it with `make lab`, or with `python -m streamlit run app/main.py` from the project's folder (plain
`streamlit run` cannot import the engine).
"""

import streamlit as st

from app.frame import PAGES

st.set_page_config(page_title="Bantam", layout="wide")
# a flat list: with sections, the navigation's own markup breaks two accessibility rules
st.navigation(
    [
        st.Page(f"views/{name}.py", title=title, icon=icon, default=name == "overview")
        for name, (title, icon) in PAGES.items()
    ]
).run()
