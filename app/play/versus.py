"""The tab Compare: two to four set-ups side by side on one question, and votes, blind if wanted."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.play import panels
from app.play.ask import SLOT, STOPPED
from app.play.compare import MOST, VOTES, Comparison, Table, begin, chosen, record, run
from app.play.desk import Answers, Offer
from app.play.setups import SetUp, presets
from engine.errors import LabError
from storage.errors import StorageError

LABELS = {"left": "Left is better", "right": "Right is better", "tie": "Tie", "bad": "Both bad"}
NONE = "(none)"
Drawn = list[Any]


def draw(desk: Answers, table: Table, experiment: gr.Dropdown, first: Offer | None, *, votes: bool) -> None:
    """Draw the tab inside the open Blocks. `experiment` is the choice that the tab Ask shows."""
    names = list(_offered(first)) if first else []
    question = gr.Textbox(label="Question to compare on", lines=2, max_lines=6, elem_id="compare-question")
    with gr.Row():
        sides = [_side(names, place) for place in range(MOST)]
    with gr.Row():
        go = gr.Button("Compare", variant="primary", elem_id="compare-go")
        stop = gr.Button("Stop comparing", elem_id="compare-stop")
        blind = gr.Checkbox(
            False, label="Blind: two set-ups in random order, named after the vote", visible=votes
        )
    status = gr.HTML(panels.status(""), elem_classes="bt", elem_id="compare-status")
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
        [question, experiment, blind, *sides],
        [status, current, score, *buttons, *shown],
        concurrency_id=SLOT,
        concurrency_limit=1,
        show_progress="full",
        show_progress_on=[status],
        **private,
    )
    stop.click(lambda: panels.status(STOPPED), None, status, cancels=[running], queue=False, **private)
    for vote, button in zip(VOTES, buttons, strict=True):
        voting = _voting(table, vote)
        button.click(voting, current, [status, score, *buttons, *shown], queue=False, **private)
    experiment.change(_changing(desk), experiment, sides, **private)


def _side(names: list[str], place: int) -> gr.Dropdown:
    options = names if place < 2 else [NONE, *names]
    value = names[place] if place < 2 and place < len(names) else NONE if place >= 2 else None
    return gr.Dropdown(options, value=value, label=f"Set-up {place + 1}", elem_id=f"compare-setup-{place}")


def _offered(offer: Offer) -> dict[str, SetUp]:
    return presets(offer.tiers, offer.answer)


def _comparing(desk: Answers, table: Table, votes: bool) -> Callable[..., Iterator[Drawn]]:
    def comparing(question: str, name: str, blind: bool, *sides: str) -> Iterator[Drawn]:
        names = [side for side in sides if side and side != NONE]
        try:
            wanted = chosen(_offered(desk.offer(name)), names)
            made = begin(name, question, wanted, blind=votes and bool(blind))
        except LabError as error:
            yield [panels.status(str(error), "bad"), "", "", *_buttons(None), *[gr.skip()] * MOST]
            return
        table.put(made)
        yield _drawn(made, votes)
        running = run(desk, made)
        try:
            for _ in running:
                yield _drawn(made, votes)
        finally:
            running.close()

    return comparing


def _drawn(made: Comparison, votes: bool) -> Drawn:
    words = "Comparing, one set-up after the other, so that each time is its own."
    if made.done:
        asking = votes and len(made.sides) == 2 and not any(side.view.error for side in made.sides)
        words = "Done. Which answer is better?" if asking else "Done."
    return [panels.status(words), made.id, "", *_buttons(made if votes else None), *_columns(made)]


def _columns(made: Comparison) -> list[Any]:
    shown = [
        gr.update(
            value=panels.side(_title(made, place), side.view, f"c{place}", hidden=made.hidden), visible=True
        )
        for place, side in enumerate(made.sides)
    ]
    return shown + [gr.update(value="", visible=False)] * (MOST - len(shown))


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
            return [panels.status(str(error), "bad"), gr.skip(), *_buttons(None), *[gr.skip()] * MOST]
        said = panels.status(f"Your vote is kept: {VOTES[vote]}.")
        return [said, panels.standing(standing), *_buttons(None), *_columns(made)]

    return cast


def _changing(desk: Answers) -> Callable[[str], list[Any]]:
    def changing_sides(name: str) -> list[Any]:
        try:
            names = list(_offered(desk.offer(name)))
        except LabError:
            return [gr.skip()] * MOST  # the tab Ask says it
        pairs = [(names, names[place]) if place < 2 else ([NONE, *names], NONE) for place in range(MOST)]
        return [gr.update(choices=options, value=value) for options, value in pairs]

    return changing_sides
