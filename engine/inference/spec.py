"""How a question is answered: every knob between a question and its answer, once. Computes nothing."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Shape = Literal["short", "sentence", "yes/no", "json"]
LONGEST_QUESTION = 2_000  # characters; a prompt holds the question twice, beside its evidence


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
    accept: float | None = Field(
        None,
        ge=0,
        le=1,
        description="verifier score from which a draft stands without asking the next tier; unset: only the "
        "first tier is asked",
    )
    hopeless: float = Field(
        0.0,
        ge=0,
        le=1,
        description="verifier score below which no further tier is asked, since it would hardly know better",
    )
    route: float = Field(
        0.0,
        ge=0,
        le=1,
        description="least P(correct) seen before drafting (without a router: likeness of question and best "
        "chunk) at which the first tier is tried",
    )
    samples: int = Field(0, ge=0, le=5, description="answers drawn from a doubted tier before escalating")
    temperature: float = Field(0.7, gt=0, le=2, description="how freely samples are drawn")
    ensemble: bool = Field(
        False,
        description="ask all tiers but the last before deciding, and go by their most credible draft",
    )
    shape: Shape = Field("short", description="the answer's format: short, sentence, yes/no or json")
    overlong: Literal["error", "drop"] = Field(
        "error", description="a prompt beyond a tier's window: an error, or its weakest bullets are dropped"
    )
    max_new_tokens: int = Field(32, ge=1, le=1024, description="longest answer in tokens")
