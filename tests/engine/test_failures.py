"""What one question can't have is its own affair: it carries its error, and the others are answered. What is
too long for a tier is refused, or cut in sight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.data.records import Question
from engine.endpoint import Endpoint, EndpointSpec
from engine.errors import ConfigError, EndpointError, LabError, ModelError, SilentError
from engine.evaluation.harness import run_arm
from engine.evaluation.scoring import score, summarize
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts, all_answered, answer, answer_many
from engine.inference.reading import ReaderTier
from engine.inference.remote import DOWN, EndpointTier
from engine.inference.tiers import Asked, Said
from engine.progress import Progress
from engine.wire import Reply
from tests.corpus import QUESTIONS
from tests.ladders import Finds, Scripted

WALK, OTHER, THIRD = (question.question for question in QUESTIONS[:3])
RIGHT = "Neil Armstrong [1]"
CUT = EndpointError("cut off.")


@dataclass
class Choosy(Scripted):
    """Fails for the questions in `bad`, in place of their answers, and whenever it is to draw."""

    bad: Sequence[str] = ()

    def answers(self, asked: Sequence[Asked], **_: Any) -> list[Any]:
        self.seen.extend(asked)
        return [CUT if one.question in self.bad else self.said(str(self.says), one) for one in asked]

    def draws(self, asked: Asked, count: int, **_: Any) -> list[Said]:
        raise CUT


def test_a_question_that_a_tier_fails_carries_its_error_and_the_rest_go_on(corpus_index: Any) -> None:
    parts = Parts(None, corpus_index, None, (Choosy("only", RIGHT, bad=[OTHER]),))
    first, failed, third = answer_many(parts, [WALK, OTHER, THIRD], AnswerSpec())
    assert (first.answer.text, first.error, third.error) == ("Neil Armstrong", "", "")
    assert (failed.error, failed.answer.refused, failed.tier) == ("cut off.", True, "")
    assert failed.bullets and failed.notes == ("only could not be asked: cut off.",)
    alone = list(answer(parts, OTHER, AnswerSpec()))[-1].trace  # type: ignore[union-attr]
    assert (alone.error, alone.notes) == (failed.error, failed.notes)
    with pytest.raises(LabError, match=r"1 of 3 questions could not be answered. cut off."):
        all_answered([first, failed, third])
    assert all_answered([first, third]) == [first, third]


def test_it_goes_to_the_next_tier_where_there_is_one(corpus_index: Any) -> None:
    small, large = Choosy("small", RIGHT, bad=[OTHER]), Scripted("large", RIGHT)
    parts = Parts(None, corpus_index, None, (small, large))
    traces = answer_many(parts, [WALK, OTHER], AnswerSpec(accept=0.0))
    assert [trace.tier for trace in traces] == ["small", "large"]
    assert [one.question for one in large.seen] == [OTHER]
    assert traces[1].notes == ("small could not be asked: cut off.",) and not traces[1].error


def test_a_tier_that_fails_them_all_fails_each(corpus_index: Any) -> None:
    def absent() -> Any:
        raise ModelError("it is not there.")

    parts = Parts(None, corpus_index, None, (LocalTier("absent", absent), Scripted("large", RIGHT)))
    traces = answer_many(parts, [WALK, OTHER], AnswerSpec(accept=0.0))
    assert [(trace.tier, trace.error) for trace in traces] == [("large", "")] * 2
    alone = replace(parts, tiers=parts.tiers[:1])
    assert [trace.error for trace in answer_many(alone, [WALK, OTHER], AnswerSpec())] == [
        "it is not there."
    ] * 2


def test_where_the_tier_that_starts_fails_the_one_passed_over_is_asked_in_a_batch_too(
    corpus_index: Any,
) -> None:
    """It was left without an answer or a word."""
    parts = Parts(None, corpus_index, None, (Scripted("small", RIGHT), Choosy("large", RIGHT, bad=[WALK])))
    (trace,) = answer_many(parts, [WALK], AnswerSpec(accept=0.9, route=1.0))
    assert (trace.tier, trace.answer.text, trace.error) == ("small", "Neil Armstrong", "")


def test_samples_that_cannot_be_drawn_leave_the_draft(corpus_index: Any) -> None:
    small = Choosy("small", "Galileo Galilei [1]")
    parts = Parts(None, corpus_index, Finds("Neil"), (small, Choosy("large", RIGHT, 100, bad=[WALK, OTHER])))
    spec = AnswerSpec(accept=0.99, samples=3, look_again=False)
    for trace in answer_many(parts, [WALK, OTHER], spec):
        assert (trace.tier, trace.answer.text, trace.error) == ("small", "Galileo Galilei", "")
        assert [note.split(" could")[0] for note in trace.notes] == ["small", "large"]


class Blind(Finds):
    """A reader that cannot read."""

    def read(self, *_: Any, **__: Any) -> Any:
        raise ModelError("no reader here.")


def test_a_draft_that_nobody_could_weigh_is_not_called_silence(corpus_index: Any) -> None:
    """The decision said that the model does not know, beside its answer."""
    parts = Parts(None, corpus_index, Blind(""), (Scripted("small", RIGHT),))
    (trace,) = answer_many(parts, [WALK], AnswerSpec())
    assert (trace.answer.text, trace.verdict) == ("Neil Armstrong", None)
    assert trace.decision.startswith("small's answer stands without a verdict; small could not be asked: no")


@pytest.mark.parametrize(
    "question", ["", "  ", "x" * 2001, "\ud800?"], ids=["empty", "blank", "long", "half"]
)
def test_what_is_no_question_is_the_error_of_that_one(question: str, corpus_index: Any) -> None:
    tier = Scripted("only", RIGHT)
    parts = Parts(None, corpus_index, None, (tier,))
    wrong, right = answer_many(parts, [question, WALK], AnswerSpec())
    assert wrong.error.startswith("The question") and not wrong.bullets and len(tier.seen) == 1
    assert right.answer.text == "Neil Armstrong"
    assert answer_many(parts, [question], AnswerSpec())[0].error == wrong.error


def test_an_arm_counts_what_could_not_be_asked_against_itself_and_reports_it(corpus_index: Any) -> None:
    asked = [*QUESTIONS[:2], Question(id="none", question="How much did it cost?", answers=())]
    tier = Choosy("only", RIGHT, bad=[OTHER, asked[2].question])
    said: list[Progress] = []
    parts = Parts(None, corpus_index, None, (tier,))
    spec = AnswerSpec(evidence=False)
    result = run_arm(parts, spec, [], asked, timed=3, report=said.append)  # type: ignore[arg-type]
    assert [one.f1 for one in result.scored][1:] == [0.0, None] and len(result.timed) == 1
    (row,) = summarize({"arm": result.scored})
    assert (row.unanswerable_refused, row.answered) == (0.0, 50.0)
    assert "2 of 3 questions could not be answered: cut off." in [one.note for one in said]
    with pytest.raises(LabError, match=r"1 of 1 questions could not be answered"):
        run_arm(parts, spec, [], asked[1:2], timed=0)


# What is too long


def test_a_local_model_refuses_what_is_beyond_its_window_and_answers_the_rest(small: Any) -> None:
    fits, never = Asked(WALK, ("Neil Armstrong walked on the Moon.",)), Asked(WALK, ("moon " * 3000,))
    first, wrong, third = LocalTier.of(small).answers([fits, never, fits], ban=False, max_new_tokens=16)
    assert isinstance(first, Said) and first.answer.text == "Neil Armstrong" and third == first
    assert isinstance(wrong, ConfigError) and "window of 2048 tokens" in str(wrong)
    with pytest.raises(ConfigError, match="window of 2048 tokens"):
        next(iter(LocalTier.of(small).stream(never, ban=False, max_new_tokens=16)))
    with pytest.raises(ConfigError, match="window of 2048 tokens"):
        LocalTier.of(small).draws(never, 3, temperature=1.0, ban=False, max_new_tokens=16)


def test_a_reader_as_a_tier_refuses_it_or_drops_bullets_in_sight(reader: Any, corpus_index: Any) -> None:
    """It read as far as its window went and said nothing about it."""
    tier = ReaderTier(reader)
    fits, never = Asked(WALK, ("Neil Armstrong walked on the Moon.",)), Asked(WALK, ("moon " * 600,))
    first, wrong, bare = tier.answers([fits, never, Asked(WALK)], ban=True, max_new_tokens=8)
    assert isinstance(first, Said) and first.answer.text == "Neil Armstrong"
    assert isinstance(wrong, ConfigError) and "do not fit reader's window of 512" in str(wrong)
    assert isinstance(bare, ConfigError) and "from evidence only" in str(bare)
    assert not tier.fits(Asked("who " * 300, ("short",)), 8), "a question is cut at half the window"
    narrow = replace(reader, window=48)
    spec = AnswerSpec(overlong="drop", tau=0.0)
    (trace,) = answer_many(Parts(None, corpus_index, None, (ReaderTier(narrow),)), [WALK], spec)
    assert "did not fit reader's window and were left out" in trace.notes[0] and not trace.error
    (trace,) = answer_many(
        Parts(None, corpus_index, narrow, (ReaderTier(narrow),)), [WALK], AnswerSpec(look_again=False)
    )
    assert "window of 48:" in trace.error


def test_a_reader_that_checks_says_how_far_its_window_went(reader: Any, corpus_index: Any) -> None:
    tier = Scripted("only", RIGHT)
    wide, narrow = (
        answer_many(Parts(None, corpus_index, one, (tier,)), [WALK], AnswerSpec())[0]
        for one in (reader, replace(reader, window=40))
    )
    assert not wide.notes
    (note,) = narrow.notes
    kept = int(note.split(" saw ")[1].split(" of ")[0])
    assert 0 < kept < len(narrow.bullets) and note.endswith(
        f"{len(narrow.bullets)} bullets whole: its window is 40 tokens"
    )


class Server:
    """An endpoint without a network: each reply in turn, errors raised."""

    spec = EndpointSpec(base_url="http://127.0.0.1:9/v1", model="far")

    def __init__(self, *replies: Any) -> None:
        self.replies, self.asked = list(replies), 0

    def chat(self, *_: Any, **__: Any) -> Reply:
        self.asked += 1
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply  # type: ignore[no-any-return]


def far(*replies: Any, window: int = 0) -> tuple[EndpointTier, Server]:
    server = Server(*replies)
    return EndpointTier(server, window=window), server  # type: ignore[arg-type]


def test_an_endpoint_answers_the_others_when_it_fails_one() -> None:
    good = Reply(RIGHT, 60, 5)
    tier, server = far(good, EndpointError("nonsense."), good, SilentError("429."), good)
    said = tier.answers([Asked(WALK, ("Neil.",))] * 5, ban=False, max_new_tokens=8)
    words = [str(one) if isinstance(one, Exception) else one.answer.text for one in said]
    assert words == ["Neil Armstrong", "nonsense.", "Neil Armstrong", "429.", "Neil Armstrong"]
    assert server.asked == 5


def test_an_endpoint_that_is_down_is_not_asked_for_every_question() -> None:
    tier, server = far(*[SilentError("down.")] * DOWN)
    said = tier.answers([Asked(WALK, ("Neil.",))] * 9, ban=False, max_new_tokens=8)
    assert server.asked == DOWN and all(isinstance(one, EndpointError) for one in said)
    assert str(said[-1]) == "far was not asked after 2 failures in a row: down."


def test_a_server_that_cannot_be_reached_is_told_from_one_that_refuses() -> None:
    spec = EndpointSpec(base_url="http://127.0.0.1:9/v1", model="far", retries=1)
    with pytest.raises(SilentError, match="cannot be reached"):
        Endpoint(spec, sleep=lambda _: None).chat([{"role": "user", "content": "?"}])


def test_an_endpoint_with_a_window_is_not_given_more_and_one_that_cuts_is_found_out() -> None:
    long = Asked(WALK, ("moon " * 600,))
    tier, server = far(window=500)
    (wrong,) = tier.answers([long], ban=False, max_new_tokens=8)
    assert isinstance(wrong, ConfigError) and "far's window of 500 tokens" in str(wrong) and not server.asked
    for ask in (
        lambda: list(tier.stream(long, ban=False, max_new_tokens=8)),
        lambda: tier.draws(long, 2, temperature=1.0, ban=False, max_new_tokens=8),
    ):
        with pytest.raises(ConfigError, match="far's window of 500 tokens"):
            ask()
    tier, _ = far(Reply(RIGHT, 200, 5), Reply(RIGHT, 700, 5), Reply(RIGHT, 3, 5, counted=False))
    cut, whole, uncounted = tier.answers([long] * 3, ban=False, max_new_tokens=8)
    assert isinstance(cut, Said) and "counted 200 tokens in a prompt of about" in cut.note
    assert isinstance(whole, Said) and isinstance(uncounted, Said) and not whole.note and not uncounted.note


def test_what_a_tier_notes_stands_in_the_trace(corpus_index: Any) -> None:
    tier, _ = far(Reply(RIGHT, 5, 5), Reply(RIGHT, 5, 5))
    (trace,) = answer_many(Parts(None, corpus_index, None, (tier,)), [WALK], AnswerSpec())
    assert len(trace.notes) == 1 and "far's server counted 5 tokens" in trace.notes[0]
    assert score(QUESTIONS[0], trace).accuracy == 1.0
