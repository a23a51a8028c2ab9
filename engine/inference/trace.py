"""What is known about one answered question: bullets, answer, verdict, drafts, tokens, milliseconds. Data
only; it computes nothing."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bullet:
    """One sentence of evidence. `number` is what the answer cites ([number], from 1); start and
    end are character offsets in the document; `chunk` is the chunk's position in the index;
    `score` is the compressor's, `place` the page or section ("page 3", "Guide > Install"), where known."""

    number: int
    text: str
    document: str
    chunk: int
    start: int
    end: int
    score: float
    place: str = ""


@dataclass(frozen=True)
class Answer:
    """What the model said, taken apart. `text` is without citations, `raw` is as decoded; `citations` are
    bullet numbers that exist in the prompt; `refusal` is P(refusal) at the first answer token, 0..1, None and
    `logprobs` empty where the tier does not tell. `moved` is empty, or says in one sentence that a citation
    was moved to the bullet that holds the answer."""

    text: str
    raw: str
    refused: bool
    citations: tuple[int, ...] = ()
    refusal: float | None = None
    logprobs: tuple[float, ...] = ()
    moved: str = ""


@dataclass(frozen=True)
class Verdict:
    """The verifier's word on one answer. `score` is its belief 0..1 that the answer is right: P(correct)
    where `calibrated`, else an uncalibrated sum; `parts` the features it was made of, `reason` one plain
    sentence, `doubt` what speaks most against it, whether it is supported or not."""

    supported: bool
    score: float
    parts: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    calibrated: bool = False
    doubt: str = ""


@dataclass(frozen=True)
class Draft:
    """What one tier said, before anything was refused: `price` is in millions of parameters a token (or what
    an endpoint is said to cost), tokens are the tier's own, `samples` the other answers that were drawn."""

    tier: str
    answer: Answer
    verdict: Verdict | None = None
    again: bool = False
    prompt_tokens: int = 0
    output_tokens: int = 0
    price: float = 0.0
    samples: tuple[Answer, ...] = ()
    agreement: float | None = None


@dataclass(frozen=True)
class Trace:
    """One question's way through one arm. Tokens are counted by the answering models' own tokenizers:
    `prompt_tokens` is all prompts together, `evidence_tokens` the first one's evidence, `full_tokens` what
    the uncompressed top-k chunks would have taken (0 where there is no retrieval). `ms` is milliseconds by
    stage, measured alone only when `timed`. `tier` gave the answer and `decision` says in one sentence why it
    stands (or why it is refused); `drafts` is what each tier said, in order; `cost` is the share of what
    asking only the last tier, `cost_of`, would have cost (tokens times price; None where that is not known).
    `error` is set where a tier failed and nothing was left to ask; `shaped` is the answer in the format that
    was asked for."""

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
    tier: str = ""
    decision: str = ""
    drafts: tuple[Draft, ...] = ()
    cost: float | None = None
    cost_of: str = ""
    low_relevance: bool = False
    notes: tuple[str, ...] = ()
    error: str = ""
    shaped: str = ""
