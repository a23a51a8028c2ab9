"""One path from question to answer: stages in order, in batches or one by one, and never without evidence."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from pydantic import ValidationError

from engine.errors import ConfigError
from engine.inference import local
from engine.inference.case import Case
from engine.inference.decode import decode
from engine.inference.evidence import retrieve
from engine.inference.extract import Found
from engine.inference.orchestrator import (
    Answered,
    AnswerSpec,
    Compressed,
    Drafted,
    Parts,
    Prompted,
    Retrieved,
    Token,
    Verified,
    answer,
    answer_many,
    last,
)
from engine.inference.prompt import REFUSAL, answer_messages, prompt_ids
from engine.inference.tiers import Asked
from engine.inference.trace import Answer, Trace
from engine.inference.verify import overlap
from tests.corpus import DOCUMENTS, NOTHING_LIKE_IT, QUESTIONS, UNANSWERABLE

ASKED = [question.question for question in (*QUESTIONS, *UNANSWERABLE)]
WALK = ASKED[0]


@pytest.fixture(scope="module")
def parts(small: Any, corpus_index: Any, reader: Any) -> Parts:
    return Parts(small, corpus_index, reader)


def test_a_question_on_another_subject_is_of_low_relevance_and_one_on_it_is_not(corpus_index: Any) -> None:
    foreign = ("Which loss does LoRA training minimise?", NOTHING_LIKE_IT)
    cases = [Case(question) for question in (*ASKED, *foreign)]
    retrieve(corpus_index, cases, AnswerSpec())
    assert [case.question for case in cases if case.low] == list(foreign)


class Says:
    """A reader that finds `text` where `place` starts in what it is given."""

    def __init__(self, text: str, place: str, none: float = 0.0) -> None:
        self.text, self.place, self.none = text, place, none

    def read(self, questions: Sequence[str], contexts: Sequence[str], **_: Any) -> list[Found]:
        starts = [max(0, context.find(self.place)) for context in contexts]
        return [Found(self.text, at, at + 1, 0.9, self.none, ((at, 0.9),)) for at in starts]


class Unloaded:
    """A model that nobody may touch."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the model was asked for its {name}")


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Every prompt that the model is given, in order."""
    seen: list[list[int]] = []
    decode = local.decode

    def recorded(loaded: Any, asked: Sequence[list[int]], **options: Any) -> Any:
        seen.extend(list(prompt) for prompt in asked)
        return decode(loaded, asked, **options)

    stream = local.stream

    def watched(loaded: Any, asked: list[int], **options: Any) -> Any:
        seen.append(list(asked))
        return stream(loaded, asked, **options)

    monkeypatch.setattr(local, "decode", recorded)
    monkeypatch.setattr(local, "stream", watched)
    return seen


def untimed(trace: Trace) -> Trace:
    """Without what differs by a rounding error or by the clock."""
    said = replace(trace.answer, refusal=0.0, logprobs=())
    bullets = tuple(replace(bullet, score=0.0) for bullet in trace.bullets)
    drafts = tuple(
        replace(draft, answer=replace(draft.answer, refusal=0.0, logprobs=()), verdict=None)
        for draft in trace.drafts
    )
    return replace(trace, answer=said, bullets=bullets, verdict=None, ms={}, timed=False, drafts=drafts)


def test_the_events_come_in_order_each_with_its_time(parts: Parts) -> None:
    events = list(answer(parts, WALK, AnswerSpec()))
    kinds = [kind for kind, _ in groupby(type(event) for event in events)]
    assert kinds == [Retrieved, Compressed, Prompted, Token, Drafted, Verified, Answered]
    pieces = [event for event in events if isinstance(event, Token)]
    events = [event for event in events if not isinstance(event, Token)]
    retrieved, compressed, prompted, *drafts, verified, answered = events
    trace = answered.trace
    assert len(retrieved.hits) == 3
    assert compressed.bullets == trace.bullets
    assert (prompted.tokens, prompted.full_tokens) == (trace.prompt_tokens, trace.full_tokens)
    assert drafts[-1].answer == trace.answer
    assert verified.verdict == trace.verdict
    assert "".join(piece.piece for piece in pieces).strip() == pieces[-1].text.strip() == trace.answer.raw
    assert trace.timed
    assert list(trace.ms) == ["retrieve", "compress", "prompt", "draft", "read", "look again", "verify"]
    assert [event.ms for event in events[:-1]] == list(trace.ms.values())
    assert all(ms > 0 for ms in trace.ms.values())


def test_a_second_look_starts_from_the_drafts_prompt(parts: Parts) -> None:
    """It read its whole prompt again: for SmolLM2 three fifths of it had been read for the draft."""
    tier = local.LocalTier.of(parts.loaded)
    parts = replace(parts, loaded=None, reader=Says("Florida", "launched", 0.0), tiers=(tier,))
    trace = last(answer(parts, WALK, AnswerSpec(tau=0.0)))
    assert trace.drafts[0].prompt_tokens > trace.evidence_tokens and tier.prefix.hits > 20
    assert untimed(answer_many(parts, [WALK], AnswerSpec(tau=0.0))[0]) == untimed(trace)


def test_a_single_answer_is_drafted_from_its_evidence_and_is_the_same(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompt lookup was measured and served to nobody. A tiny model goes without."""
    tier = local.LocalTier.of(parts.loaded)
    assert tier.lookup is None
    monkeypatch.setattr(local, "DRAFTED", 0)
    drafted = last(answer(replace(parts, loaded=None, tiers=(tier,)), WALK, AnswerSpec()))
    assert tier.lookup and tier.lookup.acceptance.seen and tier.lookup.acceptance.share > 0.15
    assert drafted.answer.raw == answer_many(parts, [WALK], AnswerSpec())[0].answer.raw
    row = tier.prompt(Asked(WALK, tuple(bullet.text for bullet in drafted.bullets)))
    assert drafted.answer.raw == decode(parts.loaded, [row])[0].text


def test_without_evidence_nothing_is_retrieved_read_or_looked_at_again(parts: Parts) -> None:
    alone = Parts(parts.loaded)
    events = list(answer(alone, WALK, AnswerSpec(evidence=False)))
    kinds = [kind for kind, _ in groupby(type(event) for event in events)]
    assert kinds == [Prompted, Token, Drafted, Verified, Answered]
    trace = events[-1].trace
    assert (trace.bullets, trace.evidence_tokens, trace.full_tokens) == ((), 0, 0)
    assert trace.prompt_tokens == len(prompt_ids(parts.loaded.tokenizer, answer_messages(WALK)))


def test_the_events_can_be_left_at_any_time(parts: Parts) -> None:
    """Each stage runs only when its event is asked for: the first two touch no model."""
    speechless = replace(parts.loaded, model=Unloaded())
    events = answer(replace(parts, loaded=speechless), WALK, AnswerSpec())
    assert isinstance(next(events), Retrieved)
    assert isinstance(next(events), Compressed)
    events.close()
    assert list(events) == []
    assert last(answer(parts, WALK, AnswerSpec())).answer.text == "Neil Armstrong"


def test_the_answer_stands_in_the_bullet_it_cites(parts: Parts) -> None:
    for question in QUESTIONS:
        trace = last(answer(parts, question.question, AnswerSpec()))
        assert trace.answer.text in (*question.answers, "shuttle Discovery")
        (cited,) = trace.answer.citations
        bullet = trace.bullets[cited - 1]
        assert (bullet.number, bullet.text, bullet.document) == (cited, question.evidence, question.document)
        assert trace.verdict is not None and trace.verdict.supported


@pytest.mark.parametrize(
    "spec",
    [
        AnswerSpec(),
        AnswerSpec(tau=0.6, bullets=3, dense_weight=0.2),
        AnswerSpec(compress=False, k=2, look_again=False),
        AnswerSpec(evidence=False, max_new_tokens=5),
    ],
    ids=["usual", "refusing", "whole chunks", "closed book"],
)
def test_many_answers_equal_each_ones_own(parts: Parts, spec: AnswerSpec) -> None:
    asked = ASKED if spec == AnswerSpec() else ASKED[::2]
    together = answer_many(parts, asked, spec)
    assert [trace.question for trace in together] == asked
    for trace, question in zip(together, asked, strict=True):
        alone = last(answer(parts, question, spec))
        assert not trace.timed and trace.ms == {}
        assert untimed(trace) == untimed(alone)
        assert trace.answer.refusal == pytest.approx(alone.answer.refusal, abs=1e-4)
        assert trace.answer.logprobs == pytest.approx(alone.answer.logprobs, abs=1e-3)
        assert (trace.verdict is None) == (alone.verdict is None)
        if trace.verdict and alone.verdict:
            assert trace.verdict.parts == pytest.approx(alone.verdict.parts, abs=2e-3)
            assert trace.verdict.supported == alone.verdict.supported


def test_no_questions_have_no_answers(parts: Parts) -> None:
    assert answer_many(parts, [], AnswerSpec()) == []


def test_no_evidence_is_a_refusal_without_asking_the_model(parts: Parts) -> None:
    speechless = replace(parts, loaded=replace(parts.loaded, model=Unloaded()))
    for spec in (AnswerSpec(), AnswerSpec(tau=0.0)):
        trace = last(answer(speechless, NOTHING_LIKE_IT, spec))
        assert trace.answer == Answer(REFUSAL, "", True)
        assert (trace.bullets, trace.verdict, trace.output_tokens) == ((), None, 0)
    among_others = answer_many(parts, [WALK, NOTHING_LIKE_IT], AnswerSpec())
    assert [trace.answer.refused for trace in among_others] == [False, True]


def test_uncompressed_evidence_is_the_found_chunks_as_they_stand(parts: Parts) -> None:
    retrieved, *_, answered = answer(parts, WALK, AnswerSpec(compress=False, look_again=False))
    trace = answered.trace
    assert [bullet.text for bullet in trace.bullets] == [hit.chunk.text for hit in retrieved.hits]
    assert [bullet.number for bullet in trace.bullets] == [1, 2, 3]
    texts = {document.id: document.text for document in DOCUMENTS}
    assert all(texts[b.document][b.start : b.end] == b.text for b in trace.bullets)
    assert trace.evidence_tokens == trace.full_tokens > 0
    assert trace.answer.text == "Neil Armstrong"


def test_a_tau_beyond_0_to_1_is_refused() -> None:
    for tau in (-0.01, 1.01):
        with pytest.raises(ValidationError, match="tau"):
            AnswerSpec(tau=tau)


def test_tau_0_answers_everything_that_has_evidence_and_tau_1_next_to_nothing(parts: Parts) -> None:
    all_of_it = answer_many(parts, ASKED, AnswerSpec(tau=0.0))
    assert [trace.answer.refused for trace in all_of_it] == [False] * len(ASKED)
    none_of_it = answer_many(parts, ASKED, AnswerSpec(tau=1.0))
    assert [trace.answer.refused for trace in none_of_it] == [t.verdict.score < 1 for t in none_of_it]
    refused = [trace for trace in none_of_it if trace.answer.refused]
    assert len(refused) > len(UNANSWERABLE)
    for trace in refused:
        assert (trace.answer.text, trace.answer.citations) == (REFUSAL, ())
        assert trace.answer.raw, "what was refused is lost"


def test_a_higher_tau_refuses_what_a_lower_one_refused(parts: Parts) -> None:
    asked = ASKED[-4:]
    low, high = (answer_many(parts, asked, AnswerSpec(tau=tau)) for tau in (0.3, 0.9))
    refused = [{trace.question for trace in traces if trace.answer.refused} for traces in (low, high)]
    assert refused[0] <= refused[1]
    assert refused[1]


def test_the_tokens_are_those_the_model_was_given_and_said(parts: Parts, prompts: list[list[int]]) -> None:
    tokenizer = parts.loaded.tokenizer
    for question in ASKED:
        prompts.clear()
        trace = last(answer(parts, question, AnswerSpec(tau=0.5)))
        assert trace.prompt_tokens == sum(map(len, prompts))
        shown = [bullet.text for bullet in trace.bullets]
        assert prompts[0] == prompt_ids(tokenizer, answer_messages(question, shown))
        assert trace.evidence_tokens == sum(len(tokenizer.tokenize(text)) for text in shown)
        assert 0 < trace.evidence_tokens < trace.full_tokens
    plain = last(answer(parts, WALK, AnswerSpec(look_again=False)))
    ends = len(plain.answer.logprobs) - plain.output_tokens
    assert 0 <= ends <= 1, "a token for each log-probability but the end's"
    assert plain.output_tokens == len(tokenizer.tokenize(" " + plain.answer.raw))


def test_the_second_look_asks_over_the_bullet_in_which_the_reader_sees_the_answer(
    parts: Parts, prompts: list[list[int]]
) -> None:
    """The reader insists on another bullet: it is shown alone, cited by its own
    number, and its tokens count."""
    place = "Michael Collins"
    (draft, *_, again, _), trace = drafts(replace(parts, reader=Says("Collins", place)), WALK)
    shown = next(bullet for bullet in trace.bullets if bullet.text.startswith(place))
    assert (draft.again, again.again) == (False, True)
    assert prompts[1:] == [prompt_ids(parts.loaded.tokenizer, answer_messages(WALK, [shown.text]))]
    assert trace.answer.text == "Michael Collins"
    assert trace.answer.citations == (shown.number,)
    assert shown.number != 1
    assert trace.prompt_tokens == sum(map(len, prompts))


def test_the_second_look_is_kept_only_if_the_reader_bears_it_out_as_well(
    parts: Parts, prompts: list[list[int]]
) -> None:
    """The reader's words are half of the draft's, its place is a bullet without them."""
    stubborn = Says("Armstrong of Florida and elsewhere", "It carried three")
    (draft, *_, again, _), trace = drafts(replace(parts, reader=stubborn), WALK)
    assert 0 < overlap(draft.answer.text, stubborn.text) <= 0.5
    assert len(prompts) == 2
    assert not again.again
    assert trace.answer == draft.answer


def drafts(parts: Parts, question: str) -> tuple[list[Any], Trace]:
    events = list(answer(parts, question, AnswerSpec(tau=0.0)))
    return [event for event in events if isinstance(event, Drafted | Verified)], events[-1].trace


def test_a_draft_that_the_reader_agrees_with_is_not_asked_again(
    parts: Parts, prompts: list[list[int]]
) -> None:
    last(answer(replace(parts, reader=Says("Neil Armstrong", "Neil")), WALK, AnswerSpec()))
    assert len(prompts) == 1


def test_without_a_reader_the_verifier_goes_by_the_model_alone(
    parts: Parts, prompts: list[list[int]]
) -> None:
    trace = last(answer(replace(parts, reader=None), WALK, AnswerSpec()))
    assert trace.verdict.parts.keys() & {"agreement", "answerable"} == set()
    assert trace.answer.text == "Neil Armstrong"
    assert len(prompts) == 1


def test_evidence_without_an_index_is_refused_with_what_to_do(parts: Parts) -> None:
    with pytest.raises(ConfigError, match=r"needs an index: build one, or switch the evidence off\."):
        answer_many(Parts(parts.loaded), [WALK], AnswerSpec())


def test_events_that_end_early_have_no_trace(parts: Parts) -> None:
    events = answer(parts, WALK, AnswerSpec())
    with pytest.raises(ValueError, match="ended without an answer"):
        last(event for event in [next(events), next(events)])
