"""The tab Ask: one question, every step from it to its answer, and the strip of settings above."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gradio as gr

from app.play import found, panels, steps
from app.play.desk import Answers
from app.play.markup import esc, status
from app.play.offers import Offer
from app.play.setups import ENDPOINT, LABELS, PLACE, TIERS, SetUp, asked, made
from app.play.view import View, begun, follow
from engine.errors import ConfigError, LabError
from engine.inference.spec import AnswerSpec

SLOT = "model"  # one concurrency slot for everything that makes a model work
SHAPES = ["short", "sentence", "yes/no", "json"]
STOPPED = "Stopped. What was found until then stays below."
NOTHING = ("", "", "", "")
Drawn = tuple[Any, ...]


class Strip(NamedTuple):
    """The strip of settings: the choice of the experiment, the widgets that `chosen` takes in their order,
    and the notes on the experiment."""

    experiment: gr.Dropdown
    controls: list[Any]
    notes: gr.HTML


def draw(desk: Answers, offers: list[str], first: Offer | None) -> Strip:
    """Draw the tab inside the open Blocks; returns its strip, which the other tab follows."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5):
            question = gr.Textbox(
                label="Question",
                placeholder="Ask something that the documents may answer",
                lines=2,
                max_lines=6,
                elem_id="ask-question",
            )
        with gr.Column(scale=3):
            examples = gr.Dropdown(
                label="Examples from the experiment's questions",
                choices=list(first.examples) if first else [],
                value=None,
                elem_id="ask-examples",
            )
    with gr.Row():
        go = gr.Button("Ask", variant="primary", size="md", scale=3, elem_id="ask-go")
        stop = gr.Button("Stop", size="md", scale=1, elem_id="ask-stop")
    strip = _strip(offers, first)
    said = gr.HTML(status(""), elem_classes="bt", elem_id="ask-status")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            answer = gr.HTML("", elem_classes="bt", elem_id="ask-answer")
            cost = gr.HTML("", elem_classes="bt", elem_id="ask-cost")
            turns = gr.HTML("", elem_classes="bt", elem_id="ask-steps")
        with gr.Column(scale=6, min_width=320):
            evidence = gr.HTML("", elem_classes="bt", elem_id="ask-evidence")
    private: dict[str, Any] = {"api_visibility": "private"}
    running = gr.on(
        [go.click, question.submit],
        _asking(desk),
        [question, strip.experiment, *strip.controls],
        [said, answer, turns, evidence, cost],
        concurrency_id=SLOT,
        concurrency_limit=1,
        show_progress="full",
        show_progress_on=[said],
        **private,
    )
    stop.click(None, cancels=[running], queue=False, **private)
    # said when the model is left, not when the button is pressed: from then on there can be a new question
    running.failure(lambda: status(STOPPED), None, said, queue=False, **private)
    examples.input(lambda chosen: chosen or "", examples, question, queue=False, **private)
    outputs = [examples, strip.notes, *strip.controls]
    changed = strip.experiment.change(_changing(desk), strip.experiment, outputs, **private)
    changed.then(lambda: "", None, question, queue=False, **private)
    return strip


def _strip(offers: list[str], first: Offer | None) -> Strip:
    base = first.answer if first else AnswerSpec()
    with gr.Accordion("Settings", open=False, elem_id="ask-settings"):
        with gr.Row():
            experiment = gr.Dropdown(
                label="Dataset (its experiment)",
                choices=offers,
                value=first.name if first else None,
                elem_id="ask-experiment",
            )
            shape = gr.Radio(SHAPES, value=base.shape, label="Format of the answer")
        tiers = gr.CheckboxGroup(
            _tier_choices(first), value=list(first.usual) if first else [], label="Tiers, asked in this order"
        )
        place = _place(tiers)
        with gr.Row():
            k = gr.Slider(1, 20, base.k, step=1, label="Chunks retrieved (k)")
            bullets = gr.Slider(1, 8, base.bullets, step=1, label="Most bullets")
            samples = gr.Slider(0, 5, base.samples, step=1, label="Samples before escalating")
            temperature = gr.Slider(0.1, 2, base.temperature, step=0.1, label="Temperature of samples")
        with gr.Row():
            accept = gr.Slider(0, 1, _shown(base.accept), step=0.01, label="Draft stands from (accept)")
            tau = gr.Slider(0, 1, _shown(base.tau), step=0.01, label="Answered from (tau)")
            hopeless = gr.Slider(0, 1, _shown(base.hopeless), step=0.01, label="No further tier below")
        with gr.Row():
            evidence = gr.Checkbox(base.evidence, label="Retrieve evidence")
            compress = gr.Checkbox(base.compress, label="Compress it to bullets")
            ensemble = gr.Checkbox(base.ensemble, label="Ask all tiers but the last before deciding")
        notes = gr.HTML(_notes(first), elem_classes="bt")
    settings = [k, bullets, shape, accept, tau, hopeless, samples, temperature, evidence, compress, ensemble]
    return Strip(experiment, [tiers, *settings, *place], notes)


def _place(tiers: gr.CheckboxGroup) -> list[Any]:
    """Where the endpoint is and what it does not tell, as PLACE; in sight where its tier is chosen."""
    with gr.Column(visible=False, elem_id="ask-endpoint") as box:
        with gr.Row():
            where = [
                gr.Textbox(label="Endpoint's base URL", placeholder="http://127.0.0.1:8000/v1", max_lines=1),
                gr.Textbox(label="Endpoint's model", placeholder="its name on the server", max_lines=1),
                gr.Textbox(
                    label="Name of the variable with its key (never the key)",
                    placeholder="OPENAI_API_KEY, or empty",
                    max_lines=1,
                ),
            ]
        with gr.Row():
            numbers = [
                gr.Number(0, label="Endpoint's window in tokens (0: not known)", precision=0, minimum=0),
                gr.Number(
                    0, label="Its size for the cost line, in millions of parameters (0: not known)", minimum=0
                ),
            ]

    def showing(chosen: list[str]) -> Any:
        return gr.update(visible=isinstance(chosen, list) and ENDPOINT in chosen)

    tiers.change(showing, tiers, box, queue=False, api_visibility="private")
    return [*where, *numbers]


def chosen(offer: Offer, values: tuple[Any, ...]) -> SetUp:
    """The set-up that the strip's widgets say, in their order. Raises ConfigError where one does not fit."""
    tiers, k, bullets, shape, accept, tau, hopeless, samples, temperature, *switches = values
    (evidence, compress, ensemble), place = switches[:3], switches[3:]
    if not isinstance(tiers, list) or any(name not in offer.tiers for name in tiers):
        raise ConfigError(f"Choose tiers among {', '.join(offer.tiers)}.")
    usual = offer.answer
    # the sliders show two digits; left where it was, a threshold keeps all of its own
    accept = usual.accept if accept == _shown(usual.accept) else accept
    tau = usual.tau if tau == _shown(usual.tau) else tau
    hopeless = usual.hopeless if hopeless == _shown(usual.hopeless) else hopeless
    settings = {
        **{"k": k, "bullets": bullets, "shape": shape, "samples": samples, "temperature": temperature},
        **{"accept": accept, "tau": tau or None, "hopeless": hopeless},
        **{"evidence": evidence, "compress": compress, "ensemble": ensemble},
    }
    where = dict(zip(PLACE, place, strict=True))
    return made(tiers, settings, offer.answer, where)


def drawing(view: View, prefix: str) -> Drawn:
    """The four panels of a view: answer, steps, evidence, cost."""
    return (
        panels.answer(view, prefix),
        steps.steps(view),
        found.evidence(view, prefix),
        panels.cost(view),
    )


def _asking(desk: Answers) -> Callable[..., Iterator[Drawn]]:
    def asking(question: str, name: str, *values: Any) -> Iterator[Drawn]:
        try:
            text, setup = asked(question), chosen(desk.offer(name), values)
        except LabError as error:
            yield (status(str(error), "bad"), *NOTHING)
            return
        view = begun(text, setup)
        yield (status("Working."), *drawing(view, "ask"))
        following = follow(view, desk.events(name, setup, text))
        try:
            for kind in following:
                if kind is None:
                    yield (gr.skip(),) * 5
                    continue
                view.warnings = desk.warnings(name, setup)
                yield (status("Working." if not view.done else _ended(view)), *drawing(view, "ask"))
        finally:
            following.close()

    return asking


def _ended(view: View) -> str:
    if view.error:
        return "It could not be answered; what was found until then stays below."
    return f"Answered in {view.total_ms / 1000:.1f} s."


def _changing(desk: Answers) -> Callable[[str], list[Any]]:
    def changing(name: str) -> list[Any]:
        try:
            offer = desk.offer(name)
        except LabError as error:
            raise gr.Error(str(error), print_exception=False) from error
        base = offer.answer
        values = [base.k, base.bullets, base.shape, _shown(base.accept), _shown(base.tau)]
        values += [_shown(base.hopeless), base.samples, base.temperature]
        values += [base.evidence, base.compress, base.ensemble, *[gr.skip()] * len(PLACE)]
        tiers = gr.update(choices=_tier_choices(offer), value=list(offer.usual))
        return [gr.update(choices=list(offer.examples), value=None), _notes(offer), tiers, *values]

    return changing


def _shown(threshold: float | None) -> float:
    return round(threshold or 0.0, 2)


def _tier_choices(offer: Offer | None) -> list[tuple[str, str]]:
    names = offer.tiers if offer else TIERS
    models = offer.models if offer else {}
    return [(f"{LABELS[name]}{f' ({models[name]})' if name in models else ''}", name) for name in names]


def _notes(offer: Offer | None) -> str:
    if offer is None:
        return ""
    first = "Defaults are those of the last calibration." if offer.calibrated else ""
    return "".join(f"<p>{esc(word)}</p>" for word in [first, *offer.notes] if word)
