"""The lab's frame: settings of the window and the list of pages. It draws nothing itself.

Run it with `make lab`, or with `python -m streamlit run app/main.py` from the project's folder (plain
`streamlit run` cannot import the engine).
"""

import streamlit as st

st.set_page_config(page_title="Bantam", layout="wide")
st.navigation([st.Page("views/overview.py", title="Overview", default=True)]).run()
