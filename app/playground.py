"""The playground: ask and compare, every decision in sight. `build` makes the Blocks, the Space's too.

Run it with `python -m app.playground`; it listens on this machine only, at BANTAM_PLAYGROUND_PORT (7860).
"""

import os
import sys
import threading
from typing import Any

# read when gradio and huggingface_hub are imported, so set before
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import gradio as gr

from app.play import api, ask, port, versus
from app.play.compare import Table
from app.play.desk import Answers, Desk
from app.play.offers import Offer
from app.play.style import CSS, HEAD, theme
from engine.errors import LabError
from jobs.console import quiet

EMPTY = "There is no experiment yet. Run one first: `python -m jobs quickstart`, then reload this page."


def build(desk: Answers | None = None, *, read_only: bool = False) -> gr.Blocks:
    """The Blocks on a desk (the workspace's). `read_only` leaves out the votes, which are written down."""
    desk = desk or Desk()
    names = desk.names()
    blocks: gr.Blocks
    with gr.Blocks(title="Bantam playground", analytics_enabled=False) as blocks:
        gr.Markdown("# Bantam playground")
        if not names:
            gr.Markdown(EMPTY)
        table, first = Table(), _first(desk, names)
        with gr.Tab("Ask", id="ask"):
            strip = ask.draw(desk, names, first)
        with gr.Tab("Compare", id="compare"):
            versus.draw(desk, table, strip, first, votes=not read_only)
        api.add(desk, table, votes=not read_only)
    blocks.queue(default_concurrency_limit=4)
    return blocks


def settings() -> dict[str, Any]:
    """What every start has in common: no analytics, no server-side rendering, no footer, no files."""
    return {
        "theme": theme(),
        "css": CSS,
        "head": HEAD,
        "footer_links": [],
        "ssr_mode": False,
        "show_error": False,
        "blocked_paths": ["."],
        "max_file_size": 1,
        "quiet": True,
    }


def main() -> int:
    """Serve until Ctrl-C."""
    quiet()
    try:
        where = port()
        desk = Desk()
        threading.Thread(target=desk.warm, daemon=True).start()
        build(desk).launch(server_name="127.0.0.1", server_port=where, inbrowser=False, **settings())
    except LabError as error:
        print(f"bantam: {error}", file=sys.stderr)
        return 1
    except OSError:
        said = f"Port {where} is taken: set BANTAM_PLAYGROUND_PORT to another one."
        print(f"bantam: {said}", file=sys.stderr)
        return 1
    return 0


def _first(desk: Answers, names: list[str]) -> Offer | None:
    for name in names:
        try:
            return desk.offer(name)
        except LabError:
            continue
    return None


if __name__ == "__main__":
    sys.exit(main())
