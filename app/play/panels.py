"""A View as HTML: the answer with its decision, what it cost, a column of a comparison. Pure: text in, markup
out.
"""

import json

from app.play.found import bullet_line
from app.play.markup import box, esc, linked, sentence
from app.play.view import View


def answer(view: View, prefix: str) -> str:
    """The answer with its citations, or the draft while it is written; then the decision in one sentence."""
    if view.error:
        return box("failed", "Stopped by an error", f"<p>{esc(view.error)}</p>")
    if view.trace is not None:
        return _final(view, prefix)
    draft = next((turn for turn in reversed(view.turns) if turn.text or turn.answer), None)
    if draft is None:
        return box("working", "Working", f"<p>{_stage(view)}</p>")
    said = draft.text or (draft.answer.raw or draft.answer.text if draft.answer else "")
    title = f"Draft{f' of {draft.tier}' if draft.tier else ''}"
    words = f'<p class="bt-answer">{esc(said)}<span class="bt-caret"></span></p>'
    return box("working", title, f"{words}{_escalations(view)}")


def ending(view: View) -> str:
    """How it ended: "accepted", "escalated" (and accepted from a later tier), "refused", or "" so far."""
    if view.trace is None or view.error:
        return ""
    if view.trace.answer.refused:
        return "refused"
    return "escalated" if view.doubts else "accepted"


def cost(view: View) -> str:
    """What it took: tier, tokens, milliseconds by stage, share of the large model's cost."""
    if not view.ms:
        return ""
    rows = [("Time", f"{sum(view.ms.values()):.0f} ms{_stages(view.ms)}")]
    if view.first_ms is not None:
        rows.append(("First word after", f"{view.first_ms:.0f} ms"))
    if view.trace is not None:
        trace = view.trace
        rows.insert(0, ("Answered by", esc(trace.tier or "nobody")))
        rows.append(("Tokens", f"{trace.prompt_tokens} in, {trace.output_tokens} out, all tiers together"))
        if trace.cost is not None:
            rows.append(("Cost", f"{100 * trace.cost:.0f} % of asking {esc(trace.cost_of)} alone"))
        rows += [("Note", esc(note)) for note in trace.notes if note not in trace.decision]
    rows += [("Warning", esc(warning)) for warning in view.warnings]
    lines = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f'<dl class="bt-cost">{lines}</dl>'


def held(title: str) -> str:
    """A blind side before both have answered. A draft that is replaced, or how fast words come, would tell a
    cascade or a size."""
    return f'<section class="bt-side"><h2>{esc(title)}</h2><p>Shown when both have answered.</p></section>'


def side(title: str, view: View, prefix: str, *, hidden: bool) -> str:
    """One set-up's column when comparing. `hidden` leaves out whatever would tell which it is."""
    head = f"<h2>{esc(title)}</h2>"
    if hidden:
        said = esc(view.error or _said(view))
        return f'<section class="bt-side">{head}<p class="bt-answer">{said}</p></section>'
    found = view.bullets or ()
    cited = set(view.trace.answer.citations) if view.trace else set()
    lines = [bullet_line(bullet, bullet.number in cited, prefix) for bullet in found]
    kept = f"<details open><summary>{len(found)} bullets</summary>{''.join(lines)}</details>" if found else ""
    return f'<section class="bt-side">{head}{answer(view, prefix)}{cost(view)}{kept}</section>'


def standing(words: str) -> str:
    """How two set-ups stand after the votes."""
    return f'<p class="bt-standing">{esc(words)}</p>'


def _final(view: View, prefix: str) -> str:
    trace = view.trace
    if trace is None:
        return ""
    kind = ending(view)
    marked = linked(_said(view), trace.answer.citations, prefix)
    body = f'<p class="bt-answer{" bt-json" if view.shape == "json" else ""}">{marked}</p>'
    if not trace.answer.refused and trace.bullets and not trace.answer.citations:
        body += '<p class="bt-warning" role="note">The answer cites no bullet: nothing backs it.</p>'
    if trace.answer.moved:
        body += f"<p>{esc(sentence(trace.answer.moved))}</p>"
    body += _escalations(view)
    body += _decision(trace.decision) if trace.decision else ""
    return box(kind, kind.capitalize(), body)


def _said(view: View) -> str:
    """The answer in its format; JSON with its lines indented."""
    if view.trace is None:
        return ""
    said = view.trace.shaped or view.trace.answer.text
    if view.shape == "json" and view.trace.shaped:
        return json.dumps(json.loads(said), indent=2, ensure_ascii=False)
    return said


def _escalations(view: View) -> str:
    return "".join(_decision(words) for words in view.doubts)


def _decision(words: str) -> str:
    return f'<p class="bt-decision">{esc(sentence(words))}</p>'


def _stages(ms: dict[str, float]) -> str:
    """Milliseconds by stage in brackets, those of a later tier behind its name."""
    tiers: dict[str, list[str]] = {}
    for stage, value in ms.items():
        if value >= 0.5:
            tier, _, name = stage.rpartition(": ")
            tiers.setdefault(tier, []).append(f"{esc(name)} {value:.0f}")
    said = [f"{f'{esc(tier)}: ' if tier else ''}{', '.join(stages)}" for tier, stages in tiers.items()]
    return f" ({'; '.join(said)})" if said else ""


def _stage(view: View) -> str:
    if view.turns:
        return "The prompt is ready; the model starts to write."
    if view.bullets is not None:
        return f"{len(view.bullets)} bullets chosen; the prompt is being made."
    if view.hits is not None:
        return f"{len(view.hits)} chunks found; the sentences that matter are being chosen."
    return "Looking for evidence."
