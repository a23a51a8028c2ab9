"""What was found, as HTML: chunks with their scores, bullets marked where they stand, tokens saved. Pure."""

from collections.abc import Sequence

from app.play.markup import esc
from app.play.view import View
from engine.inference.trace import Bullet
from engine.retrieval.search import Hit

LOW = "Low relevance: even the best chunk has little to do with the question. Take the answer with care."


def evidence(view: View, prefix: str) -> str:
    """The found chunks with their scores, and the chosen bullets marked where they stand in them."""
    if view.hits is None:
        return "" if view.trace is None else "<p>Answered from the model's weights alone: no evidence.</p>"
    low = ""
    if view.low:
        low = f'<p class="bt-warning" role="note">{LOW}</p>'
    bullets = view.bullets or ()
    cited = set(view.trace.answer.citations) if view.trace else set()
    chunks = [_chunk(hit, bullets, cited, place, prefix) for place, hit in enumerate(view.hits, 1)]
    note = "" if bullets or view.bullets is None else "<p>No sentence fits the question: no bullets.</p>"
    return f"{low}{note}{_saved(view)}{''.join(chunks)}"


def bullet_line(bullet: Bullet, cited: bool, prefix: str) -> str:
    """A bullet on a line of its own, marked where it is cited."""
    text = f"<strong>[{bullet.number}]</strong> {esc(bullet.text)}{_place(bullet)}"
    kind = ' class="bt-cited"' if cited else ""
    shown = f"<mark{kind}>{text}</mark>" if cited else text
    return f'<p id="{prefix}-b{bullet.number}" tabindex="-1">{shown}</p>'


def _place(bullet: Bullet) -> str:
    return f" <small>({esc(bullet.place, 120)})</small>" if bullet.place else ""


def _chunk(hit: Hit, bullets: Sequence[Bullet], cited: set[int], place: int, prefix: str) -> str:
    text, at = hit.chunk.text, 0
    marked = []
    inside = [bullet for bullet in bullets if bullet.chunk == hit.position]
    for bullet in sorted(inside, key=lambda one: one.start):
        start, end = bullet.start - hit.chunk.start, bullet.end - hit.chunk.start
        if not at <= start < end <= len(text):
            continue
        kind = ' class="bt-cited"' if bullet.number in cited else ""
        marked.append(esc(text[at:start]))
        marked.append(f'<mark id="{prefix}-b{bullet.number}"{kind} tabindex="-1">')
        marked.append(f"<strong>[{bullet.number}]</strong> {esc(text[start:end])}{_place(bullet)}</mark>")
        at = end
    marked.append(esc(text[at:]))
    scores = f"fused {hit.fused:.2f}, dense {hit.dense:.2f}, BM25 {hit.bm25:.1f}"
    kept = f"{len(inside)} bullet{'' if len(inside) == 1 else 's'}" if inside else "nothing kept"
    title = f"{place}. {esc(hit.chunk.title or hit.chunk.document, 120)}"
    whole = f'<p class="bt-text">{"".join(marked)}</p>'
    if not inside:
        whole = f"<details><summary>Show the chunk</summary>{whole}</details>"
    head = f'<h2>{title}</h2><p class="bt-scores">{scores} · {kept}</p>'
    return f'<article class="bt-chunk">{head}{whole}</article>'


def _saved(view: View) -> str:
    if view.trace is None or not view.full_tokens:
        return ""
    kept, full = view.trace.evidence_tokens, view.full_tokens
    share = 100 * (1 - kept / full)
    said = f"Evidence: {kept} tokens as bullets instead of {full} as whole chunks ({share:.0f} % fewer)"
    width = 100 * min(1.0, kept / full)
    bar = f'<div class="bt-bar" aria-hidden="true"><b style="width:{width:.1f}%"></b></div>'
    return f'<div class="bt-saved"><p>{said}</p>{bar}</div>'
