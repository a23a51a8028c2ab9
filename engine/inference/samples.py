"""Several sampled answers to one prompt from one reading of it.

Answers that are alike so far are computed once; they part where their draws differ. Sample i equals
`stream(sampling=...)` with the same seed for i = 0 and is independent of how many others there are. Knows
tokens only.
"""

from collections.abc import Sequence
from typing import Any

from engine.errors import ConfigError
from engine.inference import kv
from engine.inference.decode import Decoded, check, end_tokens
from engine.inference.forward import Passes, changing, logits
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache
from engine.inference.sampling import Sampling, chooser
from engine.inference.stop import Stop
from engine.inference.stream import shown


class _Sample:
    """One answer on its way."""

    def __init__(self, choose: Any) -> None:
        self.choose = choose
        self.said: list[int] = []
        self.logprobs: list[float] = []
        self.text, self.why = "", ""


def samples(
    loaded: Loaded,
    prompt: Sequence[int],
    count: int,
    *,
    sampling: Sampling | None = None,
    max_new_tokens: int = 32,
    refusal_token: int | None = None,
    ban_refusal: bool = False,
    stop: Stop | None = None,
    prefix: PrefixCache | None = None,
) -> list[Decoded]:
    """`count` answers to one prompt (token ids), drawn as `sampling` says. Raises ConfigError for a prompt
    that does not fit the window and for a count below 1."""
    import torch

    check(loaded, prompt, max_new_tokens)
    if count < 1:
        raise ConfigError(f"{count} samples cannot be drawn: ask for at least 1.")
    drawing, rule, ends = sampling or Sampling(), stop or Stop(), frozenset(end_tokens(loaded))
    made = [_Sample(chooser(drawing, number)) for number in range(count)]
    known = prefix if prefix is not None and not changing(loaded.model.config) else None
    passes = known.start(prompt) if known is not None else Passes(loaded)
    with torch.inference_mode():
        rows = passes.read(prompt, 1)
        if known is not None:
            known.keep(prompt, passes)
        refusal = 0.0 if refusal_token is None else float(torch.softmax(rows[0], -1)[refusal_token])
        groups = [made]
        while True:
            parents, parted = [], []
            for row, (logit, group) in enumerate(zip(rows, groups, strict=True)):
                for sample in group:
                    banned = refusal_token if ban_refusal and not sample.said else None
                    token, logprob = sample.choose(logit, banned)
                    sample.said.append(token)
                    sample.logprobs.append(logprob)
                    sample.text, sample.why = shown(loaded, sample.said, ends, rule, max_new_tokens)
                for part in _parted(group):
                    parents.append(row)
                    parted.append(part)
            if not parted:
                break
            if parents != list(range(len(groups))):
                kv.select(passes.cache, torch.tensor(parents, device=passes.device))
            groups = parted
            rows = _next(loaded, passes, prompt, groups)
    return [_decoded(sample, refusal) for sample in made]


def _next(loaded: Loaded, passes: Passes, prompt: Sequence[int], groups: list[list[_Sample]]) -> Any:
    """Logits [groups, vocabulary] of the next place."""
    import torch

    texts = [[*prompt, *group[0].said] for group in groups]
    if passes.border is not None and len(texts[0]) > passes.border and not passes.long:
        kv.crop(passes.cache, 0)
        passes.long = True
    new = [text[kv.length(passes.cache) :] for text in texts]
    return logits(loaded.model, torch.tensor(new, device=passes.device), passes.cache, 1)[:, 0]


def _parted(group: list[_Sample]) -> list[list[_Sample]]:
    """The samples of a group that go on, those with the same last token together."""
    parts: dict[int, list[_Sample]] = {}
    for sample in group:
        if not sample.why:
            parts.setdefault(sample.said[-1], []).append(sample)
    return list(parts.values())


def _decoded(sample: _Sample, refusal: float) -> Decoded:
    ids = sample.said[:-1] if sample.why in ("end", "newline") else sample.said
    return Decoded(sample.text.strip(), ids, sample.logprobs, refusal)
