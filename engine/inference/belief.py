"""A calibration: of a verdict's parts, the probability that the answer is right.

Plain numbers, so that it travels in a manifest and serving needs no library. Fitted by
engine.evaluation.calibrate.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

STEEP = frozenset({"willing", "certain", "sure", "answerable", "span", "standing"})
EDGE = 0.005


class Calibration(BaseModel):
    """Standardised logistic regression over `features` (those in STEEP as log-odds), then, where `steps` are
    given, isotonic regression over its probability ((x, y) pairs, rising, joined by lines)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...] = Field(description="names of the parts, in the order of the numbers")
    mean: tuple[float, ...] = Field(description="what a part is on average; stands in where it is missing")
    scale: tuple[float, ...] = Field(description="its standard deviation")
    weights: tuple[float, ...] = Field(description="log-odds of being right for one deviation more")
    bias: float = Field(description="log-odds at the average")
    steps: tuple[tuple[float, float], ...] = Field((), description="isotonic regression, empty for none")
    n: int = Field(0, description="answers it was fitted on")

    def probability(self, parts: Mapping[str, float]) -> float:
        """P(correct), 0..1."""
        odds = self.bias + sum(self.pulls(parts).values())
        return self._stepped(1 / (1 + math.exp(-max(-40.0, min(40.0, odds)))))

    def pulls(self, parts: Mapping[str, float]) -> dict[str, float]:
        """How far each part moves the log-odds from the average, up or down."""
        rows = zip(self.features, self.mean, self.scale, self.weights, strict=True)
        return {
            name: weight * (transformed(name, parts[name]) - mean) / scale
            for name, mean, scale, weight in rows
            if name in parts
        }

    def _stepped(self, probability: float) -> float:
        if not self.steps:
            return probability
        place = bisect_right([x for x, _ in self.steps], probability)
        if place in (0, len(self.steps)):
            return self.steps[min(place, len(self.steps) - 1)][1]
        (x0, y0), (x1, y1) = self.steps[place - 1], self.steps[place]
        return y0 + (y1 - y0) * (probability - x0) / (x1 - x0)


def transformed(name: str, value: float) -> float:
    """A part as the regression sees it: probabilities that crowd at 0 or 1 as log-odds."""
    if name not in STEEP:
        return value
    clipped = min(1 - EDGE, max(EDGE, value))
    return math.log(clipped / (1 - clipped))


def loaded(value: Any) -> Calibration | None:
    """The calibration that stands in a manifest, None where there is none."""
    return Calibration.model_validate(value) if value else None
