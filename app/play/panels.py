"""A View as HTML: answer, steps, evidence, cost. Pure: text in, markup out.

Everything that a person, a document or a model wrote goes through `esc`; nothing of it becomes markup.
"""

import html
from collections.abc import Sequence

from app.play.view import View
from engine.inference.trace import Answer, Bullet, Verdict
from engine.retrieval.search import Hit

SHOWN = 2_000  # characters of one untrusted text that are shown
LOW = "Low relevance: even the best chunk has little to do with the question. Take the answer with care."
PARTS = {  # the verifier's features (engine/inference/verify.py) as a person reads them
    "coverage": "words found in the cited bullets",
    "bigrams": "word pairs found there",
    "numbers": "numbers match",
    "names": "names match",
    "agreement": "same as the reader's answer",
    "answerable": "reader sees an answer",
    "span": "reader sure of its answer",
    "standing": "reader sees it in a cited bullet",
    "willing": "model willing to answer",
    "certain": "model sure of its least sure word",
    "sure": "model sure of the whole",
    "asked": "bullets speak of the question",
    "leading": "no other bullet fits better",
    "fresh": "does not repeat the question",
    "fitting": "of the kind asked for",
    "brief": "short",
    "similarity": "meaning close to the bullets",
    "relevance": "bullets close to the question",
    "samples": "samples agree",
    "peer": "another tier says the same",
    "retrieval": "evidence fits the question",
}


def esc(text: object, most: int = SHOWN) -> str:
    """Text as text: no tag, no attribute, no template of the screen's, and not longer than `most`."""
    plain = str(text)
    plain = plain if len(plain) <= most else f"{plain[:most]} …"
    escaped = html.escape(plain, quote=True)
    return escaped.replace("$", "&#36;").replace("{", "&#123;").replace("`", "&#96;").replace("\\", "&#92;")


def status(words: str, kind: str = "") -> str:
    """The line above the answer that says what goes on; screen readers read it out."""
    return f'<p class="bt-status {kind}" role="status">{esc(words)}</p>'


def answer(view: View, prefix: str) -> str:
    """The answer with its citations, or the draft while it is written; then the decision in one sentence."""
    if view.error:
        return _box("failed", "Stopped by an error", f"<p>{esc(view.error)}</p>")
    if view.trace is not None:
        return _final(view, prefix)
    draft = next((turn for turn in reversed(view.turns) if turn.text or turn.answer), None)
    if draft is None:
        return _box("working", "Working", f"<p>{_stage(view)}</p>")
    said = draft.text or (draft.answer.raw or draft.answer.text if draft.answer else "")
    title = f"Draft{f' of {draft.tier}' if draft.tier else ''}"
    return _box("working", title, f'<p class="bt-answer">{esc(said)}<span class="bt-caret"></span></p>')


def ending(view: View) -> str:
    """How it ended: "accepted", "escalated" (and accepted from a later tier), "refused", or "" so far."""
    if view.trace is None or view.error:
        return ""
    if view.trace.answer.refused:
        return "refused"
    return "escalated" if any(turn.ended for turn in view.turns) else "accepted"


def steps(view: View) -> str:
    """Every tier's turn in order: its draft, the verifier's parts, what was decided."""
    lines = [f"<li><p>{esc(f'Routing: {view.routed}')}</p></li>"] if view.routed else []
    lines += [_turn(view, place) for place in range(len(view.turns))]
    return f'<ol class="bt-steps">{"".join(lines)}</ol>' if lines else ""


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


def cost(view: View) -> str:
    """One line a kind of cost: tier, tokens, milliseconds by stage, share of the large model's cost."""
    if not view.ms:
        return ""
    stages = ", ".join(f"{esc(name)} {value:.0f}" for name, value in view.ms.items() if value >= 0.5)
    total = sum(view.ms.values())
    rows = [("Time", f"{total:.0f} ms ({stages})" if stages else f"{total:.0f} ms")]
    if view.first_ms is not None:
        rows.append(("First word after", f"{view.first_ms:.0f} ms"))
    if view.trace is not None:
        trace = view.trace
        rows.insert(0, ("Answered by", esc(trace.tier or "nobody")))
        rows.append(("Tokens", f"{trace.prompt_tokens} in, {trace.output_tokens} out, all tiers together"))
        if trace.cost is not None:
            rows.append(("Cost", f"{100 * trace.cost:.0f} % of asking the last tier alone"))
        rows += [("Note", esc(note)) for note in trace.notes]
    rows += [("Warning", esc(warning)) for warning in view.warnings]
    lines = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f'<dl class="bt-cost">{lines}</dl>'


def side(title: str, view: View, prefix: str, *, hidden: bool) -> str:
    """One set-up's column when comparing. `hidden` leaves out whatever would tell which it is."""
    head = f"<h2>{esc(title)}</h2>"
    if hidden:
        if not view.done:
            return f'<section class="bt-side">{head}<p>Working.</p></section>'
        said = esc(view.error or (view.trace.shaped or view.trace.answer.text if view.trace else ""))
        return f'<section class="bt-side">{head}<p class="bt-answer">{said}</p></section>'
    found = view.bullets or ()
    cited = set(view.trace.answer.citations) if view.trace else set()
    lines = [_bullet(bullet, bullet.number in cited, prefix) for bullet in found]
    kept = f"<details open><summary>{len(found)} bullets</summary>{''.join(lines)}</details>" if found else ""
    return f'<section class="bt-side">{head}{answer(view, prefix)}{cost(view)}{kept}</section>'


def standing(words: str) -> str:
    """How two set-ups stand after the votes."""
    return f'<p class="bt-standing">{esc(words)}</p>'


def _bullet(bullet: Bullet, cited: bool, prefix: str) -> str:
    text = f"<strong>[{bullet.number}]</strong> {esc(bullet.text)}"
    kind = ' class="bt-cited"' if cited else ""
    shown = f"<mark{kind}>{text}</mark>" if cited else text
    return f'<p id="{prefix}-b{bullet.number}" tabindex="-1">{shown}</p>'


def _box(kind: str, title: str, body: str) -> str:
    return f'<div class="bt-box bt-{kind}"><p class="bt-badge">{esc(title)}</p>{body}</div>'


def _final(view: View, prefix: str) -> str:
    trace = view.trace
    if trace is None:
        return ""
    kind = ending(view)
    shown = trace.shaped or trace.answer.text
    body = f'<p class="bt-answer">{esc(shown)} {_citations(trace.answer, prefix)}</p>'
    if not trace.answer.refused and trace.bullets and not trace.answer.citations:
        body += '<p class="bt-warning" role="note">The answer cites no bullet: nothing backs it.</p>'
    if trace.answer.moved:
        body += f"<p>{esc(trace.answer.moved)}</p>"
    body += f'<p class="bt-decision">{esc(_sentence(trace.decision))}</p>' if trace.decision else ""
    return _box(kind, kind.capitalize(), body)


def _citations(given: Answer, prefix: str) -> str:
    links = [
        f'<a class="bt-cite" href="#{prefix}-b{number}" aria-label="bullet {number}">[{number}]</a>'
        for number in given.citations
    ]
    return " ".join(links)


def _turn(view: View, place: int) -> str:
    turn = view.turns[place]
    name = esc(turn.tier or "model")
    lines = [f"<h2>{name}</h2>"]
    if turn.dropped:
        lines.append(f"<p>{turn.dropped} bullets did not fit its window and were left out.</p>")
    if turn.answer is not None:
        said = "does not know" if turn.answer.refused else f"“{esc(turn.answer.raw or turn.answer.text)}”"
        look = " on a second look, over the likeliest bullet alone" if turn.again else ""
        lines.append(f"<p>Draft{look}: {said}</p>")
    elif turn.text:
        lines.append(f"<p>Draft: {esc(turn.text)}</p>")
    if turn.samples:
        agreed = f", {100 * turn.agreement:.0f} % agree" if turn.agreement is not None else ""
        said = "; ".join(esc(sample.text, 80) for sample in turn.samples)
        lines.append(f"<p>{len(turn.samples)} samples{agreed}: {said}</p>")
    if turn.verdict is not None and turn.verdict.parts:
        lines.append(bars(turn.verdict, view.threshold(place)))
    if turn.ended:
        lines.append(f'<p class="bt-decision">{esc(_sentence(turn.ended))}</p>')
    return f"<li>{''.join(lines)}</li>"


def bars(verdict: Verdict, threshold: float | None) -> str:
    """The verifier's parts as bars with their numbers, and the score with tau marked; a table to whoever
    does not see the bars."""
    name = "P(correct)" if verdict.calibrated else "score, uncalibrated"
    tau = f" (tau {threshold:.2f})" if threshold else ""
    rows = [_bar(f"{name}{tau}", verdict.score, threshold, "bt-score")]
    rows += [_bar(PARTS.get(part, part), value, None, "") for part, value in verdict.parts.items()]
    return f'<table class="bt-bars"><caption>What the verifier weighed</caption>{"".join(rows)}</table>'


def _bar(name: str, value: float, threshold: float | None, kind: str) -> str:
    width = 100 * min(1.0, max(0.0, value))
    mark = f'<i style="left:{100 * min(1.0, threshold):.1f}%"></i>' if threshold else ""
    drawn = f'<div class="bt-bar" aria-hidden="true"><b style="width:{width:.1f}%"></b>{mark}</div>'
    return f'<tr class="{kind}"><th scope="row">{esc(name)}</th><td>{drawn}</td><td>{value:.2f}</td></tr>'


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
        marked.append(f"<strong>[{bullet.number}]</strong> {esc(text[start:end])}</mark>")
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


def _stage(view: View) -> str:
    if view.turns:
        return "The prompt is ready; the model starts to write."
    if view.bullets is not None:
        return f"{len(view.bullets)} bullets chosen; the prompt is being made."
    if view.hits is not None:
        return f"{len(view.hits)} chunks found; the sentences that matter are being chosen."
    return "Looking for evidence."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
