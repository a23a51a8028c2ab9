"""The page Playground: the way to the Gradio playground, embedded where it runs. Answers nothing itself."""

import socket
from urllib.parse import urlsplit

import streamlit as st

from app.frame import nothing
from app.play import address

HEIGHT = 900


def answers(url: str) -> bool:
    """Whether something listens at `url` on this machine."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=0.3):
            return True
    except OSError:
        return False


st.title("Playground")
st.markdown(
    "Ask a question and watch the evidence, the draft and the verdict come; or compare two set-ups blindly."
)
url = address()
if answers(url):
    st.link_button("Open it in a tab of its own", url)
    st.iframe(url, height=HEIGHT, alt="The playground")
else:
    nothing(
        "The playground does not run",
        "`make lab` starts it with these pages; by itself it is `.venv/bin/python -m app.playground`. It "
        f"will be at {url}.",
    )
    st.button("Look again", key="playground_look_again")
