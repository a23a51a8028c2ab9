"""A question on its way over several tiers: who starts, what streams, when samples are drawn, what is cut."""

from typing import Any

import pytest

from engine.errors import ConfigError, EndpointError
from engine.inference.belief import Calibration
from engine.inference.case import Case
from engine.inference.events import Drafted, Escalated, Prompted, Retrieved, Routed, Sampled, Token, Verified
from engine.inference.evidence import condense, retrieve
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts, answer, answer_many, last
from engine.inference.route import features, seen
from engine.inference.trace import Trace
from tests.corpus import NOTHING_LIKE_IT, QUESTIONS
from tests.ladders import Finds, Scripted, Streamed

WALK = QUESTIONS[0].question
RIGHT, WRONG = "Neil Armstrong [1]", "Galileo Galilei [1]"
CASCADE = AnswerSpec(accept=0.9, tau=0.0)


def untimed(trace: Trace) -> dict[str, Any]:
    return {**vars(trace), "ms": {}, "timed": False}


def of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# Routing


@pytest.mark.parametrize(("route", "starts"), [(0.05, "small"), (0.999, "large")])
def test_a_likeness_below_the_threshold_sends_the_question_past_the_first_tier(
    route: float, starts: str, corpus_index: Any
) -> None:
    tiers = Scripted("small", RIGHT), Scripted("large", RIGHT)
    parts = Parts(None, corpus_index, None, tiers)
    spec = CASCADE.model_copy(update={"route": route})
    events = list(answer(parts, WALK, spec))
    (routed,) = of(events, Routed)
    (first, *_), likeness = of(events, Prompted), max(hit.dense for hit in of(events, Retrieved)[0].hits)
    assert routed.tier == first.tier == starts
    assert f"{starts} starts" in routed.reason and f"{likeness:.2f}" in routed.reason
    assert f"{route:.2f}" in routed.reason
    trace = events[-1].trace
    assert (trace.tier, trace.answer.text) == (starts, "Neil Armstrong")
    assert [draft.tier for draft in trace.drafts] == [starts]
    assert [len(tier.seen) for tier in tiers] == [starts == "small", starts == "large"]
    assert ("large was asked at once" in trace.decision) == (starts == "large")
    assert list(trace.ms)[:5] == ["retrieve", "compress", "route", "prompt", "draft"]
    (many,) = answer_many(parts, [WALK], spec)
    assert untimed(many) == untimed(trace)


def test_a_router_is_asked_instead_where_there_is_one(corpus_index: Any) -> None:
    """One that believes in questions that ask who, and in no others."""
    shape = {"mean": (0.5,), "scale": (0.5,), "weights": (3.0,), "bias": 0.0}
    router = Calibration(features=("asks who",), **shape)
    tiers = Scripted("small", RIGHT), Scripted("large", RIGHT)
    parts = Parts(None, corpus_index, None, tiers, router=router)
    spec = CASCADE.model_copy(update={"route": 0.5})
    asked = ["Who was the first person on the Moon?", "When was Apollo 11 launched?"]
    routed = [of(list(answer(parts, question, spec)), Routed)[0] for question in asked]
    assert [one.tier for one in routed] == ["small", "large"]
    assert routed[0].reason == "small starts: P(the first tier will be right) 0.95 is at least 0.50"
    assert [trace.tier for trace in answer_many(parts, asked, spec)] == ["small", "large"]


def test_of_an_ensemble_the_last_tier_starts_where_the_others_are_passed_over(corpus_index: Any) -> None:
    tiers = tuple(Scripted(name, RIGHT) for name in ("small", "middle", "large"))
    spec = CASCADE.model_copy(update={"route": 1.0, "ensemble": True})
    trace = last(answer(Parts(None, corpus_index, None, tiers), WALK, spec))
    assert [draft.tier for draft in trace.drafts] == ["large"]


@pytest.mark.parametrize(
    ("question", "changed", "count"),
    [(NOTHING_LIKE_IT, {}, 2), (WALK, {"accept": None}, 2), (WALK, {"route": 0.0}, 2), (WALK, {}, 1)],
    ids=["no evidence", "no cascade", "no threshold", "one tier"],
)
def test_where_there_is_no_choice_nothing_is_routed(
    question: str, changed: dict[str, Any], count: int, corpus_index: Any
) -> None:
    tiers = (Scripted("small", RIGHT), Scripted("large", RIGHT))[:count]
    spec = CASCADE.model_copy(update={"route": 1.0, **changed})
    events = list(answer(Parts(None, corpus_index, None, tiers), question, spec))
    assert not of(events, Routed) and "at once" not in events[-1].trace.decision
    assert not tiers[-1].seen or count == 1


def test_where_the_tier_that_starts_fails_those_passed_over_are_asked_after_all(corpus_index: Any) -> None:
    down = Scripted("large", EndpointError("down at noon."))
    parts = Parts(None, corpus_index, None, (Scripted("small", RIGHT), down))
    events = list(answer(parts, WALK, CASCADE.model_copy(update={"route": 1.0})))
    (up,) = of(events, Escalated)
    assert (up.tier, up.to, up.failed) == ("large", "small", True) and "down at noon" in up.reason
    trace = events[-1].trace
    assert (trace.tier, trace.answer.text, trace.error, len(down.seen)) == ("small", "Neil Armstrong", "", 1)
    assert "at once" not in trace.decision
    assert trace.cost is None and trace.cost_of == ""  # what it would have cost there is not known


def test_a_model_that_is_not_needed_is_not_loaded_for_its_price(corpus_index: Any) -> None:
    def missing() -> Any:
        raise AssertionError("it was loaded")

    large = LocalTier("large", missing, parameters=8.0)
    trace = last(
        answer(Parts(None, corpus_index, None, (Scripted("small", RIGHT, 2.0), large)), WALK, CASCADE)
    )
    assert (trace.tier, trace.cost_of, trace.cost) == ("small", "large", pytest.approx(0.25))
    assert LocalTier("large", missing).price == 0.0


def test_a_cost_says_of_which_tier_it_is_a_share(corpus_index: Any) -> None:
    tiers = (Scripted("small", RIGHT), Scripted("middle", RIGHT, 4.0), Scripted("large", RIGHT, 10.0))
    for count, share in ((2, 0.25), (3, 0.1)):
        trace = last(answer(Parts(None, corpus_index, None, tiers[:count]), WALK, CASCADE))
        assert (trace.tier, trace.cost_of) == ("small", tiers[count - 1].name)
        assert trace.cost == pytest.approx(share)


def test_what_a_router_sees_lies_between_0_and_1_and_tells_questions_apart(corpus_index: Any) -> None:
    cases = [Case(WALK), Case("How many moons?" * 40), Case("!!!")]
    retrieve(corpus_index, cases, CASCADE)
    condense(corpus_index, cases, CASCADE)
    walk, moons, _ = looks = [features(case) for case in cases]
    assert all(0 <= value <= 1 for one in looks for value in one.values())
    assert (walk["asks who"], moons["asks who"], moons["asks count"], moons["long"]) == (1, 0, 1, 1)
    assert walk["met"] > 0.5 > looks[2]["met"]


def test_a_router_is_fitted_on_what_it_sees_when_it_serves(corpus_index: Any) -> None:
    """Of an answered question the trace tells the same as the case did before anyone was asked."""
    case = Case(WALK)
    retrieve(corpus_index, [case], CASCADE)
    condense(corpus_index, [case], CASCADE)
    trace = last(answer(Parts(None, corpus_index, None, (Scripted("small", RIGHT),)), WALK, CASCADE))
    assert trace.verdict
    told = seen(trace.question, trace.bullets, trace.verdict.parts["retrieval"])
    assert told == pytest.approx(features(case), abs=1e-4)


@pytest.mark.parametrize(("first", "second"), [(RIGHT, WRONG), (WRONG, RIGHT)])
def test_of_an_ensemble_the_most_credible_draft_stands_and_the_last_tier_rests(
    first: str, second: str, corpus_index: Any
) -> None:
    tiers = Scripted("small", first), Scripted("middle", second), Scripted("large", RIGHT)
    spec = CASCADE.model_copy(update={"ensemble": True, "look_again": False})
    parts = Parts(None, corpus_index, Finds("Neil Armstrong"), tiers)
    trace = last(answer(parts, WALK, spec))
    assert [draft.tier for draft in trace.drafts] == ["small", "middle"] and not tiers[2].seen
    assert (trace.answer.text, trace.tier) == ("Neil Armstrong", "small" if first == RIGHT else "middle")
    assert untimed(answer_many(parts, [WALK], spec)[0]) == untimed(trace)


# Streaming


def test_every_tier_streams_and_the_next_is_given_what_was_said_as_a_guess(corpus_index: Any) -> None:
    small, large = Streamed("small", WRONG), Streamed("large", RIGHT)
    parts = Parts(None, corpus_index, Finds("Neil Armstrong"), (small, large))
    events = list(answer(parts, WALK, CASCADE))
    kinds = [type(event) for event in events]
    each = [Prompted, Token, Token, Token, Verified]
    assert [kind for kind in kinds if kind is not Drafted][2:-1] == [*each, Escalated, *each]
    for name, said in (("small", WRONG), ("large", RIGHT)):
        pieces = [event for event in of(events, Token) if event.tier == name]
        assert "".join(piece.piece for piece in pieces) == pieces[-1].text == said
        assert next(event for event in of(events, Drafted) if event.tier == name).answer.raw == said
    assert (small.guesses, large.guesses) == ([""], [WRONG])
    trace = events[-1].trace
    assert (trace.tier, trace.output_tokens) == ("large", 6)
    assert {"draft", "large: draft"} <= set(trace.ms) and trace.ms["large: draft"] > 0
    assert untimed(answer_many(parts, [WALK], CASCADE)[0]) == untimed(trace)


def test_a_refusal_is_no_guess_for_the_next_tier(corpus_index: Any) -> None:
    small, large = Streamed("small", "I don't know"), Streamed("large", RIGHT)
    trace = last(answer(Parts(None, corpus_index, None, (small, large)), WALK, CASCADE))
    assert (trace.tier, large.guesses) == ("large", [""])


def test_leaving_in_the_middle_of_a_later_draft_stops_that_tier(corpus_index: Any) -> None:
    small, large = Streamed("small", WRONG), Streamed("large", RIGHT)
    events = answer(Parts(None, corpus_index, None, (small, large)), WALK, CASCADE)
    for event in events:
        if isinstance(event, Token) and event.tier == "large":
            break
    events.close()  # type: ignore[attr-defined]
    assert large.stopped and not small.stopped and list(events) == []


def test_a_tier_that_breaks_in_the_middle_of_its_words_is_passed_over(corpus_index: Any) -> None:
    broken = Streamed("small", WRONG, breaks=EndpointError("cut off."))
    large = Streamed("large", RIGHT)
    events = list(answer(Parts(None, corpus_index, None, (broken, large)), WALK, CASCADE))
    assert [event.tier for event in of(events, Token)] == ["small", "large", "large", "large"]
    assert of(events, Escalated)[0].failed and events[-1].trace.tier == "large"
    assert large.guesses == [""]


# Sampling


def sampled(drawn: list[str], corpus_index: Any, large: Scripted, **changed: Any) -> list[Any]:
    small = Scripted("small", WRONG, drawn=drawn)
    parts = Parts(None, corpus_index, Finds("Neil Armstrong"), (small, large))
    settings = {"samples": 3, "temperature": 0.9, "look_again": False, **changed}
    events = list(answer(parts, WALK, CASCADE.model_copy(update=settings)))
    assert small.temperatures == ([0.9] if of(events, Sampled) else [])
    (many,) = answer_many(parts, [WALK], CASCADE.model_copy(update=settings))
    assert untimed(many) == untimed(events[-1].trace)
    return events


def test_samples_that_agree_on_a_better_answer_save_the_next_tier(corpus_index: Any) -> None:
    large = Scripted("large", RIGHT, price=100)
    events = sampled([RIGHT, RIGHT, RIGHT], corpus_index, large)
    (drawn,) = of(events, Sampled)
    trace = events[-1].trace
    assert [said.text for said in drawn.answers] == ["Neil Armstrong"] * 3
    assert (trace.answer.text, trace.tier, trace.drafts[0].agreement) == ("Neil Armstrong", "small", 0.75)
    first, second = (one.verdict.parts for one in of(events, Verified))
    assert "samples" not in first and second["samples"] == 0.75 and not large.seen
    assert second["similarity"] != first["similarity"]  # its own, of the answer that was chosen
    assert trace.output_tokens == 4 * 3, "what was drawn counts"


def test_samples_that_help_nothing_are_followed_by_the_next_tier_once(corpus_index: Any) -> None:
    large = Scripted("large", RIGHT, price=100)
    trace = sampled(["Saturn", "Titan", "Mars"], corpus_index, large)[-1].trace
    assert (trace.answer.text, trace.tier) == ("Neil Armstrong", "large")
    assert len(trace.drafts[0].samples) == 3 and len(large.seen) == 2, "once alone, once among many"


def test_samples_are_not_drawn_where_the_next_tier_is_cheaper(corpus_index: Any) -> None:
    events = sampled([RIGHT] * 3, corpus_index, Scripted("large", RIGHT, price=0.5))
    assert not of(events, Sampled) and events[-1].trace.tier == "large"


def test_a_model_on_this_machine_is_sampled_in_its_place(tiny_model: Any) -> None:
    """Only certainty is accepted, so the draft is doubted; what was drawn is in the trace, word for word."""
    from engine.inference.model import load

    tiny = load(str(tiny_model("smollm2")), device="cpu")
    spec = AnswerSpec(evidence=False, accept=1.0, samples=4, temperature=1.5, max_new_tokens=4)
    parts = Parts(tiny, tiers=(Scripted("large", "Neil Armstrong", price=1000),))
    events = list(answer(parts, WALK, spec))
    (drawn,), draft = of(events, Sampled), events[-1].trace.drafts[0]
    assert len(drawn.answers) == 4 and drawn.answers == draft.samples
    assert len({said.raw for said in drawn.answers}) > 1
    assert events[-1].trace.ms["sample"] > 0 and draft.output_tokens > 4
    assert {"draft", "sample", "verify samples"} <= set(events[-1].trace.ms)
    alone = list(answer(Parts(tiny), WALK, spec))
    assert [event.last for one in (events, alone) for event in of(one, Prompted)] == [False, True, True]


# Windows


def test_a_prompt_beyond_a_tiers_window_loses_its_weakest_bullets_and_says_so(corpus_index: Any) -> None:
    """What is left keeps its numbers, and a wider tier after it sees everything."""
    narrow, wide = Scripted("narrow", WRONG, window=60), Scripted("wide", RIGHT)
    parts = Parts(None, corpus_index, Finds("Neil Armstrong"), (narrow, wide))
    spec = CASCADE.model_copy(update={"overlong": "drop", "look_again": False, "max_new_tokens": 20})
    events = list(answer(parts, WALK, spec))
    first, second = of(events, Prompted)
    trace = events[-1].trace
    shown, all_of_it = narrow.seen[0].evidence, wide.seen[0].evidence
    left = [place for place, text in enumerate(shown) if text != "..."]
    assert 0 < first.dropped == len(shown) - len(left) < len(shown) and second.dropped == 0
    assert trace.notes == (f"{first.dropped} bullets did not fit narrow's window and were left out",)
    assert first.tokens + 20 <= 60
    assert [shown[place] for place in left] == [trace.bullets[place].text for place in left]
    gone = [bullet.score for place, bullet in enumerate(trace.bullets) if place not in left]
    assert max(gone) <= min(trace.bullets[place].score for place in left)
    assert all_of_it == tuple(bullet.text for bullet in trace.bullets)


def test_by_the_other_rule_nothing_is_cut(corpus_index: Any) -> None:
    """It is shown whole, so that the tier itself refuses it."""
    narrow = Scripted("narrow", ConfigError("does not fit."), window=60)
    parts = Parts(None, corpus_index, None, (narrow, Scripted("wide", RIGHT)))
    events = list(answer(parts, WALK, CASCADE.model_copy(update={"max_new_tokens": 20})))
    assert [event.dropped for event in of(events, Prompted)] == [0, 0]
    assert "..." not in narrow.seen[0].evidence and "does not fit" in events[-1].trace.notes[0]
