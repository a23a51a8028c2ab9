"""Greedy decoding of a batch of prompts, with the log-probability of every token and the
probability of refusal.

Left-padded batches over one key-value cache. A model with longrope turns all keys otherwise from a border on:
rows on one side of it share a batch, one that crosses it is answered alone, its text read anew where it
crosses, as generate does. Knows tokens only: no prompts, no questions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.errors import ConfigError
from engine.inference.forward import border, compact_head
from engine.inference.model import Loaded
from engine.inference.prompt import turn_end
from engine.progress import Progress, Report, silent


class Decoded(NamedTuple):
    """`text` and `ids` of one answer without its end token; `logprobs` (natural) of each id and of the end
    token, if any; `refusal` is the probability of the refusal's first token where the answer starts."""

    text: str
    ids: list[int]
    logprobs: list[float]
    refusal: float


def decode(
    loaded: Loaded,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int = 32,
    refusal_token: int | None = None,
    ban_refusal: bool = False,
    batch_tokens: int = 0,
    stage: str = "answer",
    report: Report = silent,
) -> list[Decoded]:
    """Answer every prompt (token ids) greedily; results are in the order of `prompts`.

    `refusal_token` is watched at the first answer token; with `ban_refusal` it can't be chosen there. Prompts
    are sorted by length and cut into batches of at most `batch_tokens` padded tokens. A prompt that does not
    fit the model's window raises ConfigError: it is never cut silently.
    """
    for prompt in prompts:
        check(loaded, prompt, max_new_tokens)
    budget = batch_tokens or usual_batch(loaded)
    lengths = [len(prompt) for prompt in prompts]
    results: dict[int, Decoded] = {}
    report(Progress(stage, 0, len(prompts), "answers"))
    for alike in sides(lengths, max_new_tokens, border(loaded.model.config)):
        for batch in batches([lengths[i] for i in alike], budget):
            chosen = [alike[i] for i in batch]
            decoded = _decode_batch(
                loaded, [prompts[i] for i in chosen], max_new_tokens, refusal_token, ban_refusal
            )
            results.update(zip(chosen, decoded, strict=True))
            report(Progress(stage, len(results), len(prompts), "answers"))
    return [results[i] for i in range(len(prompts))]


def check(loaded: Loaded, prompt: Sequence[int], max_new_tokens: int) -> None:
    """Raise ConfigError for a prompt that is empty or leaves no room for the answer."""
    if not prompt:
        raise ConfigError("The prompt is empty: give it at least one token.")
    if max_new_tokens < 1:
        raise ConfigError(f"An answer of {max_new_tokens} tokens cannot be decoded: ask for at least 1.")
    if len(prompt) + max_new_tokens > loaded.context:
        raise ConfigError(
            f"A prompt of {len(prompt)} tokens and {max_new_tokens} for the answer do not fit "
            f"{loaded.name}'s window of {loaded.context} tokens: use fewer or shorter chunks or bullets."
        )


def sides(lengths: Sequence[int], most: int, border: int | None) -> list[list[int]]:
    """Positions of the prompts that may share a batch: those whose text stays within `border` while `most`
    tokens are said, those beyond it from the start, and each that may cross it alone."""
    if border is None:
        return [list(range(len(lengths)))] if lengths else []
    short = [i for i, length in enumerate(lengths) if length + most - 1 <= border]
    beyond = [i for i, length in enumerate(lengths) if length > border]
    crossing = [[i] for i, length in enumerate(lengths) if length <= border < length + most - 1]
    return [alike for alike in (short, beyond, *crossing) if alike]


def usual_batch(loaded: Loaded) -> int:
    """Padded tokens that are computed at once: what keeps a GPU busy; on a CPU, where many short steps cost
    little more than one, what 600 MB hold of a model of at most 500 million parameters."""
    if loaded.device.kind == "cuda":
        return 32_768
    return 8_192 if 0 < loaded.entry.parameters <= 500 else 1_024


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions, longest first, in groups whose size times its longest length stays within
    `budget` (one at least)."""
    group: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if group and (len(group) + 1) * lengths[group[0]] > budget:
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def _decode_batch(
    loaded: Loaded, prompts: list[list[int]], max_new_tokens: int, refusal_token: int | None, ban: bool
) -> list[Decoded]:
    import torch
    from transformers import DynamicCache

    model, device = loaded.model, loaded.device.kind
    last = end_tokens(loaded)
    ends = torch.tensor(last, device=device)
    width, count = max(len(prompt) for prompt in prompts), len(prompts)
    pad = loaded.tokenizer.pad_token_id or 0
    ids = whole = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache, edge = DynamicCache(config=model.config), border(model.config)
    running = torch.ones(count, dtype=torch.bool, device=device)
    chosen: list[Any] = []
    scores: list[Any] = []
    refusal = torch.zeros(count)
    with torch.inference_mode():
        for step in range(max_new_tokens):
            with compact_head(model):
                out = model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
            logits = out.logits[:, -1].float()
            if step == 0 and refusal_token is not None:
                refusal = torch.softmax(logits, -1)[:, refusal_token].cpu()
                if ban:
                    logits[:, refusal_token] = -torch.inf
            best = logits.argmax(-1)
            score = torch.log_softmax(logits, -1).gather(-1, best[:, None])[:, 0]
            chosen.append(torch.where(running, best, -1))
            scores.append(score)
            running = running & ~torch.isin(best, ends)
            if not running.any():
                break
            whole = torch.cat([whole, best[:, None]], -1)
            mask = torch.cat([mask, mask.new_ones(count, 1)], -1)
            if edge is not None and whole.shape[1] == edge + 1 and count == 1:
                cache, ids, positions = DynamicCache(config=model.config), whole, mask.cumsum(-1) - 1
            else:
                ids, positions = best[:, None], positions[:, -1:] + 1
    return _collect(
        loaded, last, torch.stack(chosen, 1).tolist(), torch.stack(scores, 1).tolist(), refusal.tolist()
    )


def _collect(
    loaded: Loaded, ends: list[int], chosen: list[list[int]], scores: list[list[float]], refusal: list[float]
) -> list[Decoded]:
    rows = []
    for tokens, logprobs, refused in zip(chosen, scores, refusal, strict=True):
        said = [token for token in tokens if token >= 0]
        ids = [token for token in said if token not in ends]
        text = loaded.tokenizer.decode(ids, skip_special_tokens=True).strip()
        rows.append(Decoded(text, ids, logprobs[: len(said)], refused))
    return rows


def end_tokens(loaded: Loaded) -> list[int]:
    """The ids that end an answer: the generation config's, the tokenizer's end of text, and the
    template's end of a turn."""
    configured = loaded.model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return sorted(
        {i for i in [*ids, loaded.tokenizer.eos_token_id, turn_end(loaded.tokenizer)] if i is not None}
    )
