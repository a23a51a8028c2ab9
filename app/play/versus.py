"""The tab Compare: two to four set-ups side by side on one question, and votes, blind if wanted."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.play import panels
from app.play.ask import SLOT, STOPPED, Strip
from app.play.ask import chosen as set_up
from app.play.compare import MOST, VOTES, Comparison, Table, begin, chosen, record, run
from app.play.desk import Answers
from app.play.markup import status
from app.play.offers import Offer
from app.play.setups import SetUp, presets
from engine.errors import LabError
from storage.errors import StorageError

LABELS = {"left": "Left is better", "right": "Right is better", "tie": "Tie", "bad": "Both bad"}
NONE, HERE = "(none)", "as set under Ask"
Drawn = list[Any]


def draw(desk: Answers, table: Table, strip: Strip, first: Offer | None, *, votes: bool) -> None:
    """Draw the tab inside the open Blocks. `strip` is the tab Ask's: its experiment is compared on, and what
    is set there is one of the set-ups."""
    names = _names(first)
    with gr.Row(equal_height=False):
        question = gr.Textbox(
            label="Question to compare on", lines=2, max_lines=6, scale=5, elem_id="compare-question"
        )
        examples = gr.Dropdown(
            label="Examples to compare on",
            choices=list(first.examples) if first else [],
            value=None,
            scale=3,
            elem_id="compare-examples",
        )
    with gr.Row():
        sides = [_side(names, place) for place in range(MOST)]
    with gr.Row():
        go = gr.Button("Compare", variant="primary", size="md", scale=3, elem_id="compare-go")
        stop = gr.Button("Stop comparing", size="md", scale=1, elem_id="compare-stop")
        blind = gr.Checkbox(
            False, label="Blind: two set-ups in random order, named after the vote", visible=votes
        )
    said = gr.HTML(status(""), elem_classes="bt", elem_id="compare-status")
    with gr.Row(equal_height=False):
        shown = [gr.HTML("", elem_classes="bt", elem_id=f"compare-{n}", visible=n < 2) for n in range(MOST)]
    with gr.Row(visible=votes):
        buttons = [
            gr.Button(words, interactive=False, elem_id=f"vote-{vote}") for vote, words in LABELS.items()
        ]
    score = gr.HTML("", elem_classes="bt", elem_id="compare-score")
    current = gr.State("")
    private: dict[str, Any] = {"api_visibility": "private"}
    running = gr.on(
        [go.click, question.submit],
        _comparing(desk, table, votes),
        [question, strip.experiment, blind, *sides, *strip.controls],
        [said, current, score, *buttons, *shown],
        concurrency_id=SLOT,
        concurrency_limit=1,
        show_progress="full",
        show_progress_on=[said],
        **private,
    )
    stop.click(None, cancels=[running], queue=False, **private)
    running.failure(lambda: status(STOPPED), None, said, queue=False, **private)
    for vote, button in zip(VOTES, buttons, strict=True):
        voting = _voting(table, vote)
        button.click(voting, current, [said, score, *buttons, *shown], queue=False, **private)
    examples.input(lambda chosen: chosen or "", examples, question, queue=False, **private)
    strip.experiment.change(_changing(desk), strip.experiment, [examples, *sides], **private)


def _side(names: list[str], place: int) -> gr.Dropdown:
    options = names if place < 2 else [NONE, *names]
    value = names[place] if place < 2 and place < len(names) else NONE if place >= 2 else None
    return gr.Dropdown(options, value=value, label=f"Set-up {place + 1}", elem_id=f"compare-setup-{place}")


def _names(offer: Offer | None) -> list[str]:
    return [*presets(offer.tiers, offer.answer, offer.usual), HERE] if offer else []


def _wanted(offer: Offer, names: list[str], strip: tuple[Any, ...]) -> dict[str, SetUp]:
    """The chosen set-ups by name; the strip is read only where it is one of them."""
    offered = presets(offer.tiers, offer.answer, offer.usual)
    return chosen(offered | ({HERE: set_up(offer, strip)} if HERE in names else {}), names)


def _comparing(desk: Answers, table: Table, votes: bool) -> Callable[..., Iterator[Drawn]]:
    def comparing(question: str, name: str, blind: bool, *values: Any) -> Iterator[Drawn]:
        names = [side for side in values[:MOST] if side and side != NONE]
        try:
            wanted = _wanted(desk.offer(name), names, values[MOST:])
            made = begin(name, question, wanted, blind=votes and bool(blind))
        except LabError as error:
            yield [status(str(error), "bad"), "", "", *_buttons(None), *[gr.skip()] * MOST]
            return
        table.put(made)
        yield _drawn(made, votes)
        running = run(desk, made)
        try:
            for kind in running:
                yield [gr.skip()] * (3 + len(VOTES) + MOST) if kind is None else _drawn(made, votes)
        finally:
            running.close()

    return comparing


def _drawn(made: Comparison, votes: bool) -> Drawn:
    words = "Comparing, one set-up after the other, so that each time is its own."
    if made.done:
        asking = votes and len(made.sides) == 2 and not any(side.view.error for side in made.sides)
        words = "Done. Which answer is better?" if asking else "Done."
    return [status(words), made.id, "", *_buttons(made if votes else None), *_columns(made)]


def _columns(made: Comparison) -> list[Any]:
    shown = [gr.update(value=column(made, place), visible=True) for place in range(len(made.sides))]
    return shown + [gr.update(value="", visible=False)] * (MOST - len(shown))


def column(made: Comparison, place: int) -> str:
    """A side as it may be seen now."""
    if made.hidden and not made.done:
        return panels.held(_title(made, place))
    return panels.side(_title(made, place), made.sides[place].view, f"c{place}", hidden=made.hidden)


def _title(made: Comparison, place: int) -> str:
    if made.hidden:
        return ("Left", "Right")[place]
    return made.sides[place].name


def _buttons(made: Comparison | None) -> list[Any]:
    open_ = made is not None and made.done and len(made.sides) == 2 and not made.vote
    open_ = open_ and made is not None and not any(side.view.error for side in made.sides)
    return [gr.update(interactive=open_) for _ in VOTES]


def _voting(table: Table, vote: str) -> Callable[[str], Drawn]:
    def cast(identity: str) -> Drawn:
        try:
            made = table.claim(identity, vote)
            standing = record(made)
        except (LabError, StorageError) as error:
            return [status(str(error), "bad"), gr.skip(), *_buttons(None), *[gr.skip()] * MOST]
        said = status(f"Your vote is kept: {VOTES[vote]}.")
        return [said, panels.standing(standing), *_buttons(None), *_columns(made)]

    return cast


def _changing(desk: Answers) -> Callable[[str], list[Any]]:
    def changing_sides(name: str) -> list[Any]:
        try:
            offer = desk.offer(name)
        except LabError:
            return [gr.skip()] * (1 + MOST)  # the tab Ask says it
        names = _names(offer)
        pairs = [(names, names[place]) if place < 2 else ([NONE, *names], NONE) for place in range(MOST)]
        some = gr.update(choices=list(offer.examples), value=None)
        return [some, *(gr.update(choices=options, value=value) for options, value in pairs)]

    return changing_sides
