"""Is our own decoding the model's own? Compare it, token for token, with transformers' `generate`, with
and without each of its features.

Meant for float32: there only ties closer than rounding (about 1e-5) could part them. In bfloat16 sums of
another order round to other numbers, and near ties fall to either side.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine.inference.decode import decode, end_tokens
from engine.inference.lookup import Lookup
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache, common
from engine.inference.samples import samples
from engine.inference.sampling import Sampling, chooser
from engine.inference.speculate import Speculator
from engine.inference.stream import stream
from engine.progress import Progress, Report, silent

STREAMED = ("plain", "prefix", "lookup", "speculation", "guess")
FEATURES = (*STREAMED, "batch", "samples")
DRAWN, DRAWING = 3, Sampling(temperature=0.7, top_p=0.8)
TIE = 1e-4
Choose = Callable[[Any, int | None], tuple[int, float]]


def generated(
    loaded: Loaded, prompt: Sequence[int], max_new_tokens: int, choose: Choose | None = None
) -> list[int]:
    """transformers' own greedy answer, its end token with it; with `choose` (sampling.chooser's) the tokens
    that it picks from generate's logits."""
    import torch

    ids = torch.tensor([list(prompt)], device=loaded.device.kind)
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "do_sample": False}
    options |= {"eos_token_id": end_tokens(loaded), "pad_token_id": loaded.tokenizer.pad_token_id}
    if choose is not None:

        def picked(_: Any, scores: Any) -> Any:
            only = torch.full_like(scores, -torch.inf)
            only[0, choose(scores[0].float(), None)[0]] = 0.0
            return only

        options["logits_processor"] = [picked]
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
    report: Report = silent,
) -> dict[str, list[int]]:
    """For each feature the numbers of the prompts whose answers differ from `generate`'s; empty lists are
    what is wanted. `small` drafts for "speculation" (else the model itself does); "guess" gets the right
    answer with a wrong token in it; "batch" answers all prompts in batches; of "samples" DRAWN are drawn at
    once and each must be what generate's own logits give for the same draws."""
    differ: dict[str, list[int]] = {feature: [] for feature in features}
    batched: Iterator[list[int]] = iter(())
    if "batch" in features:
        decoded = decode(loaded, [list(prompt) for prompt in prompts], max_new_tokens=max_new_tokens)
        batched = iter([one.ids for one in decoded])
    streamed = [feature for feature in features if feature in STREAMED]
    ways, ends = _ways(loaded, small or loaded, features), set(end_tokens(loaded))
    for number, prompt in enumerate(prompts):
        expected = generated(loaded, prompt, max_new_tokens)
        guess = [*expected[: number % 6], 7, *expected[number % 6 :]]
        for feature in streamed:
            settings = {"guess": guess} if feature == "guess" else ways[feature]
            steps = stream(loaded, prompt, max_new_tokens=max_new_tokens, **settings)
            if [step.token for step in steps] != expected:
                differ[feature].append(number)
        if "batch" in features and next(batched) != [token for token in expected if token not in ends]:
            differ["batch"].append(number)
        if "samples" in features and not _drawn_alike(loaded, prompt, max_new_tokens):
            differ["samples"].append(number)
        report(Progress("exact", number + 1, len(prompts), "prompts", loaded.name))
    return differ


def _ways(loaded: Loaded, small: Loaded, features: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The settings of `stream` for each feature; drafters are never off, because wrong drafts are what is
    tried here."""
    ways: dict[str, dict[str, Any]] = {"plain": {}, "prefix": {"prefix": PrefixCache(loaded)}}
    if "lookup" in features:
        lookup = Lookup(loaded)
        lookup.acceptance.least = 0.0
        ways["lookup"] = {"drafter": lookup}
    if "speculation" in features:
        drafter = Speculator(small, loaded)
        drafter.acceptance.least = 0.0
        ways["speculation"] = {"drafter": drafter}
    return ways


def _drawn_alike(loaded: Loaded, prompt: Sequence[int], max_new_tokens: int) -> bool:
    """Whether each sample is what the same draws pick from generate's logits. A draw takes a token by its
    place among the others, likeliest first: where two are alike to TIE either may come."""
    ends = set(end_tokens(loaded))
    drawn = samples(loaded, prompt, DRAWN, sampling=DRAWING, max_new_tokens=max_new_tokens)
    for number, one in enumerate(drawn):
        rows: list[Any] = []
        choose = chooser(DRAWING, number)

        def watched(row: Any, banned: int | None, rows: list[Any] = rows, choose: Choose = choose) -> Any:
            rows.append(row)
            return choose(row, banned)

        plain = [t for t in generated(loaded, prompt, max_new_tokens, watched) if t not in ends]
        place = common(one.ids, plain)
        if one.ids != plain and (
            place in (len(one.ids), len(plain))
            or abs(float(rows[place][one.ids[place]] - rows[place][plain[place]])) > TIE
        ):
            return False
    return True


def counted(differ: Mapping[str, Sequence[int]], total: int) -> dict[str, str]:
    """Equal answers of all, by feature: {"plain": "200/200"}."""
    return {feature: f"{total - len(numbers)}/{total}" for feature, numbers in differ.items()}


def table(counts: Mapping[str, Mapping[str, str]]) -> str:
    """Models down, features across, in Markdown."""
    names = [feature for feature in FEATURES if any(feature in row for row in counts.values())]
    lines = [f"| model | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for model, row in counts.items():
        lines.append(f"| {model} | {' | '.join(row.get(name, '-') for name in names)} |")
    return "\n".join(lines)
