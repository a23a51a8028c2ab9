"""What is known about one answered question: bullets, answer, verdict, tokens, milliseconds. Data
only; it computes nothing."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bullet:
    """One sentence of evidence. `number` is what the answer cites ([number], from 1); start and
    end are character offsets in the document; `chunk` is the chunk's position in the index;
    `score` is the compressor's."""

    number: int
    text: str
    document: str
    chunk: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Answer:
    """What the model said, taken apart. `text` is without citations, `raw` is as decoded; `citations` are
    bullet numbers that exist in the prompt; `refusal` is P(refusal) at the first answer token, 0..1."""

    text: str
    raw: str
    refused: bool
    citations: tuple[int, ...] = ()
    refusal: float = 0.0
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The verifier's word on one answer. `score` is its belief 0..1 that the answer is supported
    (uncalibrated unless said), `parts` the features it was made of, `reason` one plain sentence."""

    supported: bool
    score: float
    parts: dict[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Trace:
    """One question's way through one arm. Tokens are counted by the answering model's own tokenizer:
    `prompt_tokens` is the whole prompt, `evidence_tokens` its evidence, `full_tokens` what the uncompressed
    top-k chunks would have taken (0 where there is no retrieval). `ms` is milliseconds by stage, measured
    alone only when `timed`."""

    question: str
    answer: Answer
    bullets: tuple[Bullet, ...] = ()
    verdict: Verdict | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    evidence_tokens: int = 0
    full_tokens: int = 0
    ms: dict[str, float] = field(default_factory=dict)
    timed: bool = False
