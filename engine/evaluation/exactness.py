"""Is our own decoding the model's own? Compare it, token for token, with transformers' `generate`, with
and without each of its features.

Meant for float32: there only ties closer than rounding (about 1e-5) could part them. In bfloat16 sums of
another order round to other numbers, and near ties fall to either side.
"""

import random
from collections.abc import Sequence
from typing import Any

from engine.inference.decode import end_tokens
from engine.inference.lookup import Lookup
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache
from engine.inference.speculate import Speculator
from engine.inference.stream import stream

FEATURES = ("plain", "prefix", "lookup", "speculation", "guess")


def generated(loaded: Loaded, prompt: Sequence[int], max_new_tokens: int) -> list[int]:
    """transformers' own greedy answer, its end token with it."""
    import torch

    ids = torch.tensor([list(prompt)], device=loaded.device.kind)
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "do_sample": False}
    options |= {"eos_token_id": end_tokens(loaded), "pad_token_id": loaded.tokenizer.pad_token_id}
    with torch.inference_mode():
        out = loaded.model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return [int(token) for token in out[0, len(prompt) :]]


def random_prompts(loaded: Loaded, count: int, lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    """Prompts of random tokens; every third begins like the one before it, every other one repeats a piece of
    itself, so that prefixes and lookups have something to find."""
    draw = random.Random(seed)
    vocabulary = len(loaded.tokenizer)
    made: list[list[int]] = []
    for number in range(count):
        prompt = [draw.randrange(10, vocabulary) for _ in range(draw.choice(lengths))]
        if number % 2:
            prompt += prompt[: len(prompt) // 3]
        if number % 3 == 2:
            prompt = made[-1][: len(made[-1]) // 2] + prompt[len(prompt) // 2 :]
        made.append(prompt)
    return made


def exactness(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    *,
    small: Loaded | None = None,
    features: Sequence[str] = FEATURES,
    max_new_tokens: int = 8,
) -> dict[str, list[int]]:
    """For each feature the numbers of the prompts whose answers differ from `generate`'s; empty lists are
    what is wanted. `small` drafts for "speculation" (else the model itself does); "guess" gets the right
    answer with a wrong token in it."""
    prefix, lookup = PrefixCache(loaded), Lookup(loaded)
    lookup.acceptance.least = 0.0  # never off: drafts that are wrong are what is tried here
    drafter = Speculator(small or loaded, loaded)
    drafter.acceptance.least = 0.0
    differ: dict[str, list[int]] = {feature: [] for feature in features}
    for number, prompt in enumerate(prompts):
        expected = generated(loaded, prompt, max_new_tokens)
        settings: dict[str, dict[str, Any]] = {
            "plain": {},
            "prefix": {"prefix": prefix},
            "lookup": {"drafter": lookup},
            "speculation": {"drafter": drafter},
            "guess": {"guess": [*expected[: number % 6], 7, *expected[number % 6 :]]},
        }
        for feature in features:
            steps = stream(loaded, prompt, max_new_tokens=max_new_tokens, **settings[feature])
            if [step.token for step in steps] != expected:
                differ[feature].append(number)
    return differ
