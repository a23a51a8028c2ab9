"""Set-ups: which tiers answer a question, and how. Made from what a browser sends, so everything is checked.

Knows experiments by name only and loads nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.endpoint import EndpointSpec
from engine.errors import ConfigError
from engine.inference.spec import LONGEST_QUESTION, AnswerSpec

TierName = Literal["small", "adapter", "reader", "large", "endpoint"]
ENDPOINT = "endpoint"
PLACE = ("base_url", "model", "key_env", "window", "price")  # what may be said of an endpoint
KEY_NAME = re.compile(r"\w*_API_KEY")  # a browser may name no other variable of the server's environment
# somebody waits in front of a screen
PATIENCE: dict[str, Any] = {
    "timeout": 30.0,
    "connect_timeout": 5.0,
    "retries": 1,
}
TIERS: tuple[TierName, ...] = get_args(TierName)
LABELS: dict[str, str] = {
    "small": "small model",
    "adapter": "small model with its adapter",
    "reader": "extractive reader",
    "large": "large model",
    ENDPOINT: "OpenAI-compatible endpoint",
}
SHORT = {
    "small": "small",
    "adapter": "small + adapter",
    "reader": "reader",
    "large": "large",
    ENDPOINT: "endpoint",
}
LONGEST = LONGEST_QUESTION  # characters of a question


class Place(EndpointSpec):
    """An endpoint as a tier: where it is, and what it does not tell itself."""

    window: int = Field(0, ge=0, le=100_000_000, description="its window in tokens, 0 where it is not known")
    price: float = Field(
        0, ge=0, le=1e9, description="millions of parameters, for the cost line; 0 where it is not known"
    )


class SetUp(BaseModel):
    """What answers: `tiers` in the order they are asked, each once, and the spec of the answer; `endpoint`
    says where the tier of that name is, with the name of its key's variable, never the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiers: tuple[TierName, ...]
    answer: AnswerSpec = AnswerSpec()
    endpoint: Place | None = None

    @field_validator("tiers")
    @classmethod
    def _some(cls, tiers: tuple[TierName, ...]) -> tuple[TierName, ...]:
        if not tiers:
            raise ValueError("choose at least one tier")
        return tuple(name for name in TIERS if name in tiers)

    @model_validator(mode="after")
    def _placed(self) -> "SetUp":
        if ENDPOINT in self.tiers and self.endpoint is None:
            raise ValueError("say where the endpoint is: its base URL and its model")
        return self

    @property
    def label(self) -> str:
        """Its name in one line, equal for equal set-ups."""
        spec = self.answer
        who = " > ".join(self.tiers) + (f" ({self.endpoint.model})" if self.endpoint else "")
        if not spec.evidence:
            return f"{who}, no evidence"
        kept = f"{spec.bullets} bullets" if spec.compress else "whole chunks"
        return f"{who}, {spec.k} chunks, {kept}{_more(spec)}"


def made(
    tiers: Sequence[str],
    answer: Mapping[str, Any],
    base: AnswerSpec,
    endpoint: Mapping[str, Any] | None = None,
) -> SetUp:
    """The set-up of these tiers, with `answer`'s settings over those of `base`; `endpoint` holds
    PLACE's values. Raises ConfigError in one sentence where a value does not fit."""
    try:
        spec = AnswerSpec(**(base.model_dump() | dict(answer)))
        where = _endpoint(endpoint) if endpoint is not None and ENDPOINT in tiers else None
        return SetUp(tiers=tuple(tiers), answer=spec, endpoint=where)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        said = first["msg"].removeprefix("Value error, ")
        said = f"{said[0].lower()}{said[1:]}."
        if not name:
            raise ConfigError(f"The set-up cannot be used: {said}") from error
        value = str(first.get("input"))[:60]
        raise ConfigError(f"The setting {name} = {value!r} cannot be used: {said}") from error


def _endpoint(given: Mapping[str, Any]) -> Place:
    if unknown := set(given) - set(PLACE):
        raise ConfigError(f"An endpoint has {', '.join(PLACE)}, and no {min(map(str, unknown))!r}.")
    key = str(given.get("key_env") or "").strip()
    if key and not KEY_NAME.fullmatch(key):
        raise ConfigError(
            "The key's variable is named by its name, which ends in _API_KEY, like OPENAI_API_KEY: the key "
            "itself stays in the environment of the playground."
        )
    texts = {name: str(given.get(name) or "").strip() for name in ("base_url", "model")}
    numbers = {name: given.get(name) or 0 for name in ("window", "price")}
    return Place(**texts, key_env=key, **numbers, **PATIENCE)


def asked(question: object) -> str:
    """The question, if it can be asked. Raises ConfigError for an empty or an overlong one."""
    text = question if isinstance(question, str) else ""
    text = " ".join(text.split())
    if not any(letter.isalnum() for letter in text):
        raise ConfigError("The question is empty: write one, or choose one of the examples.")
    if len(text) > LONGEST:
        raise ConfigError(
            f"The question has {len(text):,} characters and {LONGEST:,} can be asked: shorten it, and put "
            "long text among the documents."
        )
    return text


def presets(tiers: Sequence[str], base: AnswerSpec, usual: Sequence[str]) -> dict[str, SetUp]:
    """The set-ups offered for comparing where `tiers` are to be had, by name; the `usual` cascade comes
    first, then what it begins with. A single tier answers alone, with the base's tau."""
    alone = base.model_copy(update={"accept": None, "samples": 0})
    closed = alone.model_copy(update={"evidence": False, "tau": None})
    first = usual[0]
    found: dict[str, SetUp] = {}
    if len(usual) > 1 and base.accept is not None:
        found[f"cascade: {', then '.join(SHORT[name] for name in usual)}"] = made(usual, {}, base)
    for name in dict.fromkeys((first, "small", "adapter", "large", "reader")):
        if name in tiers:
            found[SHORT[name]] = made((name,), {}, alone)
    whole = alone.model_copy(update={"compress": False, "overlong": "drop"})
    found[f"{SHORT[first]}, whole chunks"] = made((first,), {}, whole)
    found[f"{SHORT[first]}, no evidence"] = made((first,), {}, closed)
    if "large" in tiers and first != "large":
        found["large, no evidence"] = made(("large",), {}, closed)
    return found


def _more(spec: AnswerSpec) -> str:
    said = ""
    if spec.accept is not None:
        said += f", stands from {spec.accept:.2f}"
    if spec.tau is not None:
        said += f", tau {spec.tau:.2f}"
    if spec.samples:
        said += f", {spec.samples} samples"
    return said + (f", {spec.shape}" if spec.shape != "short" else "")
