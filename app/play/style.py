"""How the playground looks: Gradio's monochrome theme and the panels' style.css, light and dark."""

from pathlib import Path
from typing import Any

CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "DejaVu Sans Mono", "monospace")

# A citation's link would make Gradio load the page again; this brings its bullet into sight instead.
HEAD = """<script>
document.addEventListener("click", (event) => {
  const link = event.target.closest ? event.target.closest("a.bt-cite") : null;
  if (!link) return;
  event.preventDefault();
  event.stopPropagation();
  const bullet = document.getElementById(link.getAttribute("href").slice(1));
  if (!bullet) return;
  const folded = bullet.closest("details");
  if (folded) folded.open = true;
  bullet.focus();
  bullet.scrollIntoView({ block: "center" });
}, true);
</script>"""


def theme() -> Any:
    """The theme; with own labels in every box it has no axe violation, light or dark."""
    import gradio as gr

    made = gr.themes.Monochrome(font=FONT, font_mono=MONO)  # own fonts: none is fetched from anywhere
    # the theme's own grey on a dark box has a contrast of 4.1 where 4.5 is needed
    pale = "*neutral_300"
    return made.set(
        input_placeholder_color_dark=pale,
        body_text_color_subdued_dark=pale,
        layout_gap="*spacing_md",
    )
