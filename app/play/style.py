"""How the playground looks: Gradio's monochrome theme and the panels' style.css, light and dark."""

from pathlib import Path
from typing import Any

CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "DejaVu Sans Mono", "monospace")


def theme() -> Any:
    """The theme; with own labels in every box it has no axe violation, light or dark."""
    import gradio as gr

    return gr.themes.Monochrome(font=FONT, font_mono=MONO)  # own fonts: none is fetched from anywhere
