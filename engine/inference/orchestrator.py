"""The one path from a question to its answer: retrieve, compress, prompt, draft, look again, verify, decide.

`answer` takes one question and yields an event a stage, timed; `answer_many` runs the same stages over many
questions in batches and returns their traces. Knows no scores, no database and no screen.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import ConfigError
from engine.inference.decode import Decoded, decode
from engine.inference.extract import Found
from engine.inference.model import Loaded
from engine.inference.prompt import REFUSAL, answer_messages, parse, prompt_ids, refusal_token
from engine.inference.trace import Answer, Bullet, Trace, Verdict
from engine.inference.verify import overlap, verify
from engine.progress import Report, silent
from engine.retrieval.compress import compress
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search


class AnswerSpec(BaseModel):
    """How a question is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: bool = Field(True, description="retrieve evidence, or answer from the weights alone")
    compress: bool = Field(True, description="compress the found chunks to bullets, or give them whole")
    k: int = Field(3, ge=1, le=50, description="chunks retrieved")
    bullets: int = Field(6, ge=1, le=8, description="most bullets in a prompt")
    dense_weight: float = Field(
        0.7, ge=0, le=1, description="share of the dense score in the fused one, the rest is BM25's"
    )
    look_again: bool = Field(True, description="where the reader disagrees, also ask over its bullet alone")
    tau: float | None = Field(
        None, ge=0, le=1, description="least verifier score that is answered; unset: the model decides"
    )
    max_new_tokens: int = Field(32, ge=1, le=1024, description="longest answer in tokens")


class Reads(Protocol):
    """What the verifier asks of a reader."""

    def read(
        self, questions: Sequence[str], contexts: Sequence[str], *, report: Report = silent
    ) -> list[Found]:
        """The best span of each context for its question."""
        ...


@dataclass(frozen=True)
class Parts:
    """What answers: a model, and with evidence an index and (for the verifier) a reader."""

    loaded: Loaded
    index: Index | None = None
    reader: Reads | None = None


@dataclass(frozen=True)
class Retrieved:
    """The chunks found, best first."""

    hits: tuple[Hit, ...]
    ms: float


@dataclass(frozen=True)
class Compressed:
    """The evidence as it will be numbered in the prompt."""

    bullets: tuple[Bullet, ...]
    ms: float


@dataclass(frozen=True)
class Prompted:
    """The prompt in tokens, and what the chunks would have taken uncompressed."""

    tokens: int
    full_tokens: int
    ms: float


@dataclass(frozen=True)
class Drafted:
    """An answer before it is verified; `again` says that it came from the second look."""

    answer: Answer
    again: bool
    ms: float


@dataclass(frozen=True)
class Verified:
    """The verifier's word."""

    verdict: Verdict
    ms: float


@dataclass(frozen=True)
class Answered:
    """The end: all that is known about this question."""

    trace: Trace


Event = Retrieved | Compressed | Prompted | Drafted | Verified | Answered


@dataclass
class _Case:
    """One question on its way."""

    question: str
    vector: Any = None
    hits: tuple[Hit, ...] = ()
    bullets: tuple[Bullet, ...] = ()
    prompt: tuple[int, ...] = ()
    asked: bool = False
    looked: int = 0
    said: int = 0
    evidence_tokens: int = 0
    full_tokens: int = 0
    answer: Answer | None = None
    again: bool = False
    found: Found | None = None
    verdict: Verdict | None = None


def answer(parts: Parts, question: str, spec: AnswerSpec) -> Iterator[Event]:
    """Answer one question, yielding an event after each stage; the last is Answered. Times are
    wall-clock milliseconds."""
    case = _Case(question)
    ms: dict[str, float] = {}
    for name, stage in _stages(spec):
        begun = time.perf_counter()
        stage(parts, [case], spec, silent)
        ms[name] = 1000 * (time.perf_counter() - begun)
        yield _event(name, case, ms[name])
    yield Answered(_trace(case, ms, timed=True))


def answer_many(
    parts: Parts, questions: Sequence[str], spec: AnswerSpec, report: Report = silent
) -> list[Trace]:
    """Answer many questions in batches, in order; the traces carry no times, because nobody
    waits for one of them."""
    cases = [_Case(question) for question in questions]
    for _, stage in _stages(spec):
        stage(parts, cases, spec, report)
    return [_trace(case, {}, timed=False) for case in cases]


def last(events: Iterator[Event]) -> Trace:
    """The trace at the end of `answer`'s events."""
    for event in events:
        if isinstance(event, Answered):
            return event.trace
    raise ValueError("the events ended without an answer")


Stage = Callable[[Parts, list[_Case], AnswerSpec, Report], None]


def _stages(spec: AnswerSpec) -> list[tuple[str, Stage]]:
    evidence: list[tuple[str, Stage]] = (
        [("retrieve", _retrieve), ("compress", _compress)] if spec.evidence else []
    )
    again: list[tuple[str, Stage]] = (
        [("look again", _look_again)] if spec.evidence and spec.look_again else []
    )
    return [*evidence, ("prompt", _prompt), ("draft", _draft), ("read", _read), *again, ("verify", _verify)]


def _retrieve(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    index = _index(parts)
    vectors = index.embedder.vectors([case.question for case in cases])
    for case, vector in zip(cases, vectors, strict=True):
        case.vector = vector
        case.hits = tuple(search(index, case.question, spec.k, dense_weight=spec.dense_weight, vector=vector))


def _compress(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    for case in cases:
        if spec.compress:
            found = compress(_index(parts), case.question, case.hits, spec.bullets, vector=case.vector)
        else:
            found = [_whole(number, hit) for number, hit in enumerate(case.hits, 1)]
        case.bullets = tuple(found)


def _prompt(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    tokenizer = parts.loaded.tokenizer
    for case in cases:
        case.prompt = _asked(parts, case.question, [bullet.text for bullet in case.bullets])
        if spec.evidence:
            lengths = [
                len(ids)
                for ids in _counted(
                    tokenizer, [b.text for b in case.bullets] + [h.chunk.text for h in case.hits]
                )
            ]
            case.evidence_tokens = sum(lengths[: len(case.bullets)])
            case.full_tokens = sum(lengths[len(case.bullets) :])


def _draft(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    waiting = [case for case in cases if case.bullets or not spec.evidence]
    for case in cases:
        case.answer = Answer(REFUSAL, "", True)
    for case, decoded in zip(
        waiting, _decode(parts, [case.prompt for case in waiting], spec, report), strict=True
    ):
        case.answer = _parsed(decoded, len(case.bullets))
        case.asked, case.said = True, len(decoded.ids)


def _read(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    asked = [case for case in cases if case.bullets] if parts.reader else []
    if parts.reader and asked:
        texts = [" ".join(bullet.text for bullet in case.bullets) for case in asked]
        for case, found in zip(
            asked, parts.reader.read([case.question for case in asked], texts, report=report), strict=True
        ):
            case.found = found


def _look_again(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    """Ask over the likeliest bullet alone where the reader does not bear out the draft, and keep the answer
    it bears out better. A refusal stands where the model decides alone (no tau)."""
    chosen = [
        (case, _likeliest(case))
        for case in cases
        if case.found and len(case.bullets) > 1 and not _agreed(case) and not _final(case, spec)
    ]
    prompts = [_asked(parts, case.question, [bullet.text]) for case, bullet in chosen]
    for (case, bullet), prompt, decoded in zip(
        chosen, prompts, _decode(parts, prompts, spec, report, ban=True), strict=True
    ):
        case.looked += len(prompt)
        case.said += len(decoded.ids)
        again = _parsed(decoded, 1)
        if again.refused or case.answer is None or case.found is None:
            continue
        if case.answer.refused or overlap(again.text, case.found.text) >= overlap(
            case.answer.text, case.found.text
        ):
            case.answer, case.again = replace(again, citations=(bullet.number,)), True


def _verify(parts: Parts, cases: list[_Case], spec: AnswerSpec, report: Report) -> None:
    for case in cases:
        if case.answer is not None and not case.answer.refused:
            case.verdict = verify(case.answer, case.bullets, case.found, spec.tau or 0.0)
            if not case.verdict.supported:
                case.answer = replace(case.answer, text=REFUSAL, refused=True, citations=())


def _decode(
    parts: Parts, prompts: Sequence[Sequence[int]], spec: AnswerSpec, report: Report, ban: bool | None = None
) -> list[Decoded]:
    return decode(
        parts.loaded,
        [list(prompt) for prompt in prompts],
        max_new_tokens=spec.max_new_tokens,
        refusal_token=refusal_token(parts.loaded.tokenizer),
        ban_refusal=spec.tau is not None if ban is None else ban,
        report=report,
    )


def _asked(parts: Parts, question: str, evidence: list[str]) -> tuple[int, ...]:
    return tuple(prompt_ids(parts.loaded.tokenizer, answer_messages(question, evidence)))


def _counted(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return list(tokenizer(texts, add_special_tokens=False)["input_ids"]) if texts else []


def _parsed(decoded: Decoded, bullets: int) -> Answer:
    return parse(decoded.text, bullets, refusal=decoded.refusal, logprobs=decoded.logprobs)


def _agreed(case: _Case) -> bool:
    return (
        case.answer is not None
        and case.found is not None
        and overlap(case.answer.text, case.found.text) > 0.5
    )


def _final(case: _Case, spec: AnswerSpec) -> bool:
    return spec.tau is None and case.answer is not None and case.answer.refused


def _likeliest(case: _Case) -> Bullet:
    """The bullet in which the reader most likely sees the answer start."""
    shares, start = [], 0
    for bullet in case.bullets:
        shares.append(case.found.within(start, start + len(bullet.text) + 1) if case.found else 0.0)
        start += len(bullet.text) + 1
    return case.bullets[max(range(len(shares)), key=lambda place: shares[place])]


def _whole(number: int, hit: Hit) -> Bullet:
    return Bullet(
        number, hit.chunk.text, hit.chunk.document, hit.position, hit.chunk.start, hit.chunk.end, hit.fused
    )


def _index(parts: Parts) -> Index:
    if parts.index is None:
        raise ConfigError("Answering from evidence needs an index: build one, or switch the evidence off.")
    return parts.index


def _event(name: str, case: _Case, ms: float) -> Event:
    if name == "retrieve":
        return Retrieved(case.hits, ms)
    if name == "compress":
        return Compressed(case.bullets, ms)
    if name == "prompt":
        return Prompted(len(case.prompt), case.full_tokens, ms)
    if name == "verify":
        return Verified(case.verdict or Verdict(False, 0.0, {}, "the model says that it does not know"), ms)
    return Drafted(case.answer or Answer(REFUSAL, "", True), case.again, ms)


def _trace(case: _Case, ms: dict[str, float], *, timed: bool) -> Trace:
    return Trace(
        question=case.question,
        answer=case.answer or Answer(REFUSAL, "", True),
        bullets=case.bullets,
        verdict=case.verdict,
        prompt_tokens=(len(case.prompt) if case.asked else 0) + case.looked,
        output_tokens=case.said,
        evidence_tokens=case.evidence_tokens,
        full_tokens=case.full_tokens,
        ms=ms,
        timed=timed,
    )
