"""Choose a token from logits: the likeliest, or drawn with a temperature from the likeliest ones (top-p).

A draw is one number per place in the answer, so the same seed gives the same answer whether tokens are
computed one at a time, several at a time or in a batch. Knows no text.
"""

import random
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Sampling(BaseModel):
    """How tokens are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(0.7, gt=0, le=5, description="below 1 sharpens, above 1 flattens the choice")
    top_p: float = Field(
        1.0, gt=0, le=1, description="share of the probability that the drawn-from tokens hold together"
    )
    seed: int = Field(0, ge=0, le=2**32, description="start of the random numbers")


def chooser(sampling: Sampling | None, sample: int = 0) -> Callable[[Any, int | None], tuple[int, float]]:
    """A function that takes logits in float32 [vocabulary] and a token that may not be chosen (or None),
    and gives the chosen token with its natural log-probability under the model itself (temperature 1,
    nothing left out but the banned token). `sample` numbers the samples of one seed."""
    import torch

    numbers = random.Random(f"{sampling.seed}/{sample}") if sampling else None

    def choose(row: Any, banned: int | None = None) -> tuple[int, float]:
        if banned is not None:
            row = row.clone()
            row[banned] = -torch.inf
        token = drawn(row, sampling, numbers.random()) if sampling and numbers else int(row.argmax())
        return token, float(row[token] - row.logsumexp(-1))

    return choose


def drawn(row: Any, sampling: Sampling, number: float) -> int:
    """The token at the place `number` (0..1) of the cumulated probabilities, likeliest first (Holtzman and
    others 2020, nucleus sampling)."""
    import torch

    chances, order = torch.softmax(row.double() / sampling.temperature, -1).sort(descending=True, stable=True)
    sums = chances.cumsum(-1)
    most = int((sums < sampling.top_p * sums[-1]).sum()) + 1
    place = int((sums[:most] <= number * sums[most - 1]).sum())
    return int(order[min(place, most - 1)])
