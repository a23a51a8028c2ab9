"""What every tier did, as HTML: its draft, the verifier's parts as bars with tau marked, what was decided.
Pure: text in, markup out.
"""

from collections.abc import Mapping

from app.play.markup import esc, sentence
from app.play.view import View
from engine.inference.trace import Verdict

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
FIRST = ("coverage", "numbers", "names", "agreement", "answerable", "willing", "certain")  # always in sight
OWN = ("willing", "certain", "sure")  # only a tier that tells its probabilities has them


def steps(view: View) -> str:
    """Every tier's turn in order: its draft, the verifier's parts, what was decided."""
    lines = [f"<li><p>{esc(f'Routing: {view.routed}')}</p></li>"] if view.routed else []
    lines += [_turn(view, place) for place in range(len(view.turns))]
    return f'<ol class="bt-steps">{"".join(lines)}</ol>' if lines else ""


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
        lines.append(bars(turn.verdict, *view.threshold(place)))
    if turn.failed and not turn.ended:
        lines.append('<p class="bt-decision">It could not be asked.</p>')
    if turn.ended:
        lines.append(f'<p class="bt-decision">{esc(sentence(turn.ended))}</p>')
    return f"<li>{''.join(lines)}</li>"


def bars(verdict: Verdict, threshold: float | None, called: str = "tau") -> str:
    """The score with its threshold marked (tau, or what it is `called`), the parts that say most, and behind
    them all others: as bars with their numbers, a table to whoever does not see the bars."""
    name = "P(correct)" if verdict.calibrated else "score, uncalibrated"
    mark = f" ({called} {threshold:.2f})" if threshold else ""
    score = _bar(f"{name}{mark}", verdict.score, threshold, "bt-score")
    parts: dict[str, float | None] = {**dict.fromkeys(OWN), **verdict.parts}
    first = {part: parts[part] for part in FIRST if part in parts}
    others = {part: value for part, value in parts.items() if part not in first}
    shown = _table("What the verifier weighed", score + _rows(first))
    if not others:
        return shown
    more = _table("The other parts", _rows(others))
    return f"{shown}<details><summary>{len(others)} more parts</summary>{more}</details>"


def _table(caption: str, rows: str) -> str:
    return f'<table class="bt-bars"><caption>{caption}</caption>{rows}</table>'


def _rows(parts: Mapping[str, float | None]) -> str:
    return "".join(_bar(PARTS.get(part, part), value, None, "") for part, value in parts.items())


def _bar(name: str, value: float | None, threshold: float | None, kind: str) -> str:
    if value is None:
        said = '<td colspan="2" class="bt-none">not measured for this tier</td>'
        return f'<tr><th scope="row">{esc(name)}</th>{said}</tr>'
    width = 100 * min(1.0, max(0.0, value))
    mark = f'<i style="left:{100 * min(1.0, threshold):.1f}%"></i>' if threshold else ""
    drawn = f'<div class="bt-bar" aria-hidden="true"><b style="width:{width:.1f}%"></b>{mark}</div>'
    return f'<tr class="{kind}"><th scope="row">{esc(name)}</th><td>{drawn}</td><td>{value:.2f}</td></tr>'
