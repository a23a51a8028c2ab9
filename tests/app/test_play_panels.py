"""What the panels show of the events, in every ending; and that nobody's text becomes markup."""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.play import found, markup, panels, steps
from app.play.view import View, follow
from engine.errors import ModelError
from engine.inference.events import (
    EVERY,
    Answered,
    Compressed,
    Drafted,
    Escalated,
    Event,
    Prompted,
    Retrieved,
    Token,
    Verified,
)
from engine.inference.trace import Answer, Verdict
from tests.app.scripted import FIRST, SECOND, TEXT, accepted, answered, bullets, escalated, hit, refused

EVIL = "<img src=x onerror=alert(1)> **bold** [link](javascript:x) ${alert(1)} {{value}} `x` \\u0041 </mark>"


def seen(events: Iterable[Event], question: str = "Who discovered Titan?") -> View:
    view = View(question, 0.7, 0.2)
    for event in events:
        view.take(event)
    return view


def words(markup: str) -> str:
    """What a person reads of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def drawn(view: View) -> str:
    shown = (panels.answer(view, "a"), steps.steps(view), found.evidence(view, "a"), panels.cost(view))
    return "".join(shown)


class Tags(HTMLParser):
    """The tags and attributes of a markup, and whether every tag is closed in order."""

    VOID = ("img", "br")

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_an_accepted_answer_shows_its_citation_decision_and_cost() -> None:
    view = seen(accepted())
    said = words(panels.answer(view, "ask"))
    assert said == "Accepted Christiaan Huygens [2] Accepted: score 0.91 is at least 0.70."
    cost = words(panels.cost(view))
    assert "Answered by small" in cost and "80 in, 6 out" in cost and "6 % of asking large alone" in cost
    assert "Time 92 ms (retrieve 12, draft 80)" in cost


def test_a_note_that_the_decision_tells_is_not_told_twice() -> None:
    failed = "large could not be asked: it cannot be had here"
    told = answered(notes=(failed, "2 bullets were left out"), decision=f"accepted: small: so; {failed}")
    view = seen([Answered(told)])
    assert "could not be asked" in words(panels.answer(view, "a"))
    assert "could not" not in panels.cost(view) and "2 bullets were left out" in panels.cost(view)


def test_a_citation_jumps_to_its_bullet_in_the_chunk() -> None:
    view = seen(accepted())
    (target,) = re.findall(r'href="#([^"]+)"', panels.answer(view, "ask"))
    evidence = found.evidence(view, "ask")
    marks = dict(re.findall(r'<mark id="([^"]+)"[^>]*>(.*?)</mark>', evidence))
    assert words(marks[target]) == f"[2] {SECOND}"
    assert len(marks) == 2 and len(re.findall('class="bt-cited"', evidence)) == 1


def test_the_chunk_is_whole_with_its_bullets_and_scores() -> None:
    evidence = found.evidence(seen(accepted()), "ask")
    shown = words(evidence)
    assert "fused 0.98, dense 0.61, BM25 4.2 · 2 bullets" in shown
    assert words(re.sub(r"\[\d\]", "", evidence.split('bt-text">')[1])) == TEXT
    assert "Evidence: 20 tokens as bullets instead of 60 as whole chunks (67 % fewer)" in shown


def test_a_bullet_says_on_which_page_it_stands() -> None:
    paged = tuple(replace(one, place="page 12") for one in bullets(FIRST, SECOND))
    view = seen([Retrieved((hit(),), 1.0), Compressed(paged, 1.0)])
    marks = re.findall(r"<mark .*?</mark>", found.evidence(view, "a"))
    assert words(marks[0]) == f"[1] {FIRST} (page 12)"
    assert words(found.bullet_line(paged[1], True, "a")) == f"[2] {SECOND} (page 12)"


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_bullets_are_marked_in_the_chunks_own_order(order: tuple[str, str]) -> None:
    view = seen([Retrieved((hit(),), 1.0), Compressed(bullets(*order), 1.0)])
    marks = re.findall(r"<mark .*?</mark>", found.evidence(view, "a"))
    assert [words(mark)[4:] for mark in marks] == [FIRST, SECOND]


def test_an_escalation_says_why_and_shows_both_turns() -> None:
    view = seen(escalated())
    assert words(panels.answer(view, "a")).startswith(
        "Escalated 1655 [2] Escalated: the year 1969 is not in bullet 2. Accepted: large: score 0.88"
    )
    turns = words(steps.steps(view))
    assert "small Draft: “1969 [2]”" in turns and "large Draft: “1655 [2]”" in turns
    assert "Escalated: the year 1969 is not in bullet 2." in turns


def test_the_threshold_is_marked_in_the_bar_and_called_what_it_is() -> None:
    first, second = re.findall(r'<tr class="bt-score">.*?</tr>', steps.steps(seen(escalated())))
    assert "score, uncalibrated (accept 0.70)" in words(first) and "left:70.0%" in first
    assert "score, uncalibrated (tau 0.20)" in words(second) and "left:20.0%" in second
    calibrated = steps.bars(Verdict(True, 0.8, {"coverage": 1.0}, calibrated=True), 0.5)
    assert "P(correct) (tau 0.50)" in words(calibrated)
    assert "words found in the cited bullets 1.00" in words(calibrated)


def test_the_parts_that_say_most_are_in_sight_and_the_others_folded() -> None:
    parts = {"brief": 0.3, "coverage": 0.1, "peer": 0.2}
    shown, folded = steps.bars(Verdict(True, 0.8, parts), 0.5).split("<details>")
    assert "words found in the cited bullets 0.10" in words(shown) and "short" not in words(shown)
    sure = "model sure of the whole not measured for this tier"
    assert words(folded) == f"3 more parts The other parts {sure} short 0.30 another tier says the same 0.20"


def test_a_part_that_a_tier_does_not_tell_is_no_bar() -> None:
    """An endpoint's answer once looked as sure as can be: 1.00 for what nobody had measured."""
    told = steps.bars(Verdict(True, 0.8, {"coverage": 0.5, "willing": 0.9, "certain": 0.8, "sure": 0.7}), 0.5)
    untold = steps.bars(Verdict(True, 0.8, {"coverage": 0.5}), 0.5)
    assert "not measured" not in told and untold.count("not measured for this tier") == 3
    assert "1.00" not in untold and untold.count('bt-bar"') == 2


def test_a_draft_is_marked_with_the_threshold_that_it_was_held_against() -> None:
    """A last tier that is not there, or that fails, leaves the draft before it to tau."""
    alone = [replace(one, last=True) if isinstance(one, Prompted) else one for one in accepted()]
    assert "(tau 0.20)" in words(steps.steps(seen(alone)))
    failed = [
        *accepted()[:-1],
        Escalated("small", "large", "escalated: so"),
        Prompted(9, 9, 1.0, "large", last=True),
    ]
    assert "(accept 0.70)" in words(steps.steps(seen(failed)))
    told = words(steps.steps(seen([*failed, accepted()[-1]])))
    assert "(tau 0.20)" in told and "accept" not in told and told.endswith("large It could not be asked.")


def test_a_tier_that_fails_before_its_prompt_has_a_turn_of_its_own() -> None:
    """Its failure once took the place of why the draft before was doubted, and that draft counted as
    failed."""
    doubt, gone = "escalated: the year 1969 is not in bullet 2", "large could not be asked: it is not there"
    end = answered(tier="far")
    sampled = replace(end.drafts[0], tier="far", samples=(end.answer,), agreement=0.75)
    view = seen(
        [
            *escalated()[:6],
            Escalated("large", "far", gone, True),
            *[replace(one, tier="far") for one in escalated()[6:9]],  # type: ignore[call-arg]
            Answered(replace(end, drafts=(end.drafts[0], sampled))),
        ]
    )
    assert [turn.tier for turn in view.turns if not turn.failed] == ["small", "far"]
    assert view.doubts == [doubt, gone] and view.turns[2].agreement == 0.75
    told = words(steps.steps(view))
    assert "large Large could not be asked: it is not there." in told and "in bullet 2. large" in told


def test_each_format_is_shown_with_its_citations_as_links_once() -> None:
    def shown(shape: str, shaped: str) -> str:
        view = View("Who?", shape=shape)
        view.take(Answered(answered(shaped=shaped, decision="")))
        return panels.answer(view, "a")

    for shape, shaped in (
        ("short", "Christiaan Huygens [2]"),
        ("sentence", f"{SECOND} [2]"),
        ("yes/no", f"Yes: {SECOND} [2]"),
    ):
        assert words(shown(shape, shaped)) == f"Accepted {shaped}"
        assert re.findall(r'href="#a-b(\d)"', shown(shape, shaped)) == ["2"]
    data = shown("json", '{"answer": "Christiaan Huygens [9]", "citations": [{"number": 2}]}')
    assert "\n  &quot;answer&quot;" in data.replace("&#123;", "{") and re.findall("#a-b(.)", data) == ["2"]


def test_the_time_of_a_later_tier_stands_behind_its_name() -> None:
    view = View("Who?")
    view.take(
        Answered(answered(ms={"retrieve": 12.0, "draft": 80.0, "large: draft": 900.0, "large: read": 0.1}))
    )
    assert "Time 992 ms (retrieve 12, draft 80; large: draft 900)" in words(panels.cost(view))
    assert "6 % of asking large alone" in words(panels.cost(view))


def test_a_refusal_says_so_and_that_little_was_found() -> None:
    view = seen(refused())
    assert words(panels.answer(view, "a")).startswith(
        "Refused I don't know Refused: the reader finds no answer"
    )
    assert "Low relevance" in words(found.evidence(view, "a"))
    assert "Low relevance" not in words(found.evidence(seen(accepted()), "a"))


def test_an_answer_without_a_citation_is_marked() -> None:
    bare = Answer("Huygens", "Huygens", False)
    view = seen([Answered(answered(answer=bare))])
    assert "cites no bullet: nothing backs it" in words(panels.answer(view, "a"))


def test_a_draft_is_shown_while_it_is_written() -> None:
    view = seen(accepted()[:4])
    assert words(panels.answer(view, "a")) == "Draft of small Christiaan"
    assert not view.done and view.first_ms is not None


def test_what_was_found_stays_when_it_fails() -> None:
    def failing() -> Iterator[Event]:
        yield from accepted()[:3]
        raise ModelError("The model is gone: load it again.")

    view = View("Who?")
    kinds = list(follow(view, failing()))
    assert kinds[-1] is not Answered and view.done and view.trace is None
    assert words(panels.answer(view, "a")) == "Stopped by an error The model is gone: load it again."
    assert SECOND in words(found.evidence(view, "a"))


def test_tokens_are_drawn_at_most_once_a_frame_and_the_last_word_is_not_lost() -> None:
    view = View("Who?")
    kinds = list(follow(view, iter_of(accepted(" ".join("abcdefghij"))), frame=1e9))
    assert kinds.count(Token) == 0 and kinds[-1] is Answered
    assert view.trace is not None and view.trace.answer.text == "a b c d e f g h i j"


def iter_of(events: list[Event]) -> Iterator[Event]:
    yield from events


def test_closing_closes_the_engines_generator() -> None:
    closed = []

    def engine() -> Iterator[Event]:
        try:
            yield from accepted()
        finally:
            closed.append(True)

    following = follow(View("Who?"), engine())
    next(following)
    assert closed == []
    following.close()
    assert closed == [True]


def test_nobodys_text_becomes_markup() -> None:
    chunk = hit(f"{EVIL} {TEXT}", title=EVIL)
    evil = Answer(EVIL, EVIL, False, (1,))
    verdict = Verdict(True, 0.5, {EVIL: 0.5}, EVIL)
    trace = answered(answer=evil, verdict=verdict, decision=EVIL, tier=EVIL, notes=(EVIL,), shaped=EVIL)
    events: list[Event] = [
        Retrieved((chunk,), 1.0, True),
        Compressed(bullets(), 1.0),
        Prompted(10, 20, 1.0, EVIL),
        Token("x", EVIL, -0.1, EVIL),
        Drafted(evil, False, 1.0, EVIL),
        Verified(verdict, 1.0, EVIL),
        Answered(trace),
    ]
    view = View(EVIL)
    for event in events:
        view.take(event)
        view.warnings = [EVIL]
        shown = drawn(view) + panels.side(EVIL, view, "c", hidden=False) + markup.status(EVIL)
        shown += panels.side(EVIL, view, "c", hidden=True) + panels.standing(EVIL)
        tags = Tags(shown)
        assert "img" not in tags.tags and "script" not in tags.tags and tags.open == []
        assert not any(name.startswith("on") for name in tags.attributes)
        assert "${" not in shown and "{{" not in shown and "`" not in shown and "\\" not in shown
    view.error = EVIL
    assert "img" not in Tags(panels.answer(view, "c")).tags
    assert EVIL in html.unescape(panels.answer(view, "c"))


def test_a_blind_side_tells_nothing_of_its_set_up() -> None:
    view = seen(accepted())
    view.warnings = ["the adapter was trained on another index"]
    shown = panels.side("Left", view, "c0", hidden=True)
    assert words(shown) == "Left Christiaan Huygens"
    assert "Answered by small" in words(panels.side("small", view, "c0", hidden=False))


def test_long_text_is_cut_where_it_is_shown() -> None:
    assert len(markup.esc("x" * 100_000)) < markup.SHOWN + 10


def test_every_feature_of_the_verifier_has_words() -> None:
    from engine.inference.doubt import REASONS

    assert set(REASONS) <= set(steps.PARTS)


def test_an_ensemble_that_is_believed_is_no_escalation() -> None:
    """Its tiers are asked whatever the first one says; only a doubt of all of them hands on."""
    view = View("Who?", 0.7, 0.2)
    for event in [*accepted()[:-1], Escalated("small", "reader", EVERY), *accepted()[2:]]:
        view.take(event)
    assert panels.ending(view) == "accepted" and view.doubts == []
    assert "Every tier" not in words(panels.answer(view, "a")) and "Every tier" in words(steps.steps(view))
    doubted = View("Who?", 0.7, 0.2)
    doubt = "escalated: the year 1969 is not in bullet 2"
    events = [*accepted()[:-1], Escalated("small", "reader", EVERY), *accepted()[2:-1]]
    for event in [*events, Escalated("reader", "large", doubt), *accepted()[2:]]:
        doubted.take(event)
    assert panels.ending(doubted) == "escalated" and doubted.doubts == [doubt]
