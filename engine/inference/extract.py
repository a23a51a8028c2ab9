"""The extractive reader: where in some texts a question's answer stands, and how likely
it is that it does not.

Any AutoModelForQuestionAnswering that answers "nothing" at its first token (SQuAD v2's way). Knows no
bullets and no citations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from engine import catalog
from engine.device import pick
from engine.errors import ModelError
from engine.inference import weights
from engine.inference.decode import batches
from engine.progress import Progress, Report, silent

MAX_SPAN = 30


class Found(NamedTuple):
    """The best span: context[start:end] == text, `probability` of it and `none`, that of "no answer", both
    0..1 and from one softmax over all spans and "no answer"; `starts` is the probability that the answer
    starts at a character offset."""

    text: str
    start: int
    end: int
    probability: float
    none: float
    starts: tuple[tuple[int, float], ...] = ()

    def within(self, start: int, end: int) -> float:
        """The probability that the answer starts in context[start:end]."""
        return sum(share for place, share in self.starts if start <= place < end)


@dataclass(frozen=True)
class Reader:
    """A loaded reader; `window` in tokens, question and context together."""

    name: str
    model: Any
    tokenizer: Any
    device: str
    window: int

    def read(
        self,
        questions: Sequence[str],
        contexts: Sequence[str],
        *,
        stage: str = "read",
        report: Report = silent,
    ) -> list[Found]:
        """The best span of each context for its question, in order. A context beyond the window is cut at it,
        a question at half of it; special tokens in either are read as text."""
        if not questions:
            return []
        encoded = self.tokenizer(
            self._fitting(questions),
            list(contexts),
            truncation="only_second",
            max_length=self.window,
            return_offsets_mapping=True,
            split_special_tokens=True,
        )
        results: dict[int, Found] = {}
        report(Progress(stage, 0, len(questions), "questions"))
        for batch in batches([len(ids) for ids in encoded["input_ids"]], 8192):
            for position, found in zip(batch, self._read_batch(encoded, contexts, batch), strict=True):
                results[position] = found
            report(Progress(stage, len(results), len(questions), "questions"))
        return [results[position] for position in range(len(questions))]

    def _fitting(self, questions: Sequence[str]) -> list[str]:
        options = {"add_special_tokens": False, "split_special_tokens": True, "return_offsets_mapping": True}
        encoded = self.tokenizer(list(questions), truncation=True, max_length=self.window // 2, **options)
        ends = [offsets[-1][1] if offsets else 0 for offsets in encoded["offset_mapping"]]
        return [question[:end] for question, end in zip(questions, ends, strict=True)]

    def _read_batch(self, encoded: Any, contexts: Sequence[str], batch: list[int]) -> list[Found]:
        import torch

        # RoBERTa and DistilBERT know no token types
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
        rows = {name: [encoded[name][i] for i in batch] for name in names}
        padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            out = self.model(**padded)
        begin, finish = out.start_logits.float().cpu(), out.end_logits.float().cpu()
        found = []
        for row, position in enumerate(batch):
            second = torch.tensor([part == 1 for part in encoded.sequence_ids(position)])
            found.append(
                _best(
                    begin[row], finish[row], second, encoded["offset_mapping"][position], contexts[position]
                )
            )
        return found


def _best(begin: Any, finish: Any, allowed: Any, offsets: list[tuple[int, int]], context: str) -> Found:
    import torch

    size = len(allowed)
    scores = begin[:size, None] + finish[None, :size]
    fits = torch.ones(size, size, dtype=torch.bool).triu() & torch.ones(size, size, dtype=torch.bool).tril(
        MAX_SPAN - 1
    )
    scores = scores.masked_fill(~(fits & allowed[:, None] & allowed[None, :]), -torch.inf)
    nothing = begin[0] + finish[0]
    total = torch.logsumexp(torch.cat([scores.flatten(), nothing[None]]), 0)
    none = float((nothing - total).exp())
    flat = int(scores.argmax())
    first, last = divmod(flat, size)
    best = float(scores.flatten()[flat])
    if best == -torch.inf:
        return Found("", 0, 0, 0.0, 1.0)
    start, end = offsets[first][0], offsets[last][1]
    shares = (torch.logsumexp(scores, 1) - total).exp().tolist()
    starts = tuple((offsets[row][0], shares[row]) for row in range(size) if allowed[row])
    return Found(context[start:end], start, end, float((torch.tensor(best) - total).exp()), none, starts)


@lru_cache(maxsize=2)
def reader(name: str = catalog.READER, device: str | None = None) -> Reader:
    """Load a reader once per process: a catalog name, a hub id or a folder. Raises
    ModelError if it can't be had."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    place = weights.folder(catalog.lookup(name, "reader"))
    where = pick(device)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        model = AutoModelForQuestionAnswering.from_pretrained(
            place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
    except weights.unreadable() as error:
        raise ModelError(
            f"The reader {name!r} cannot be loaded: {weights.first_line(error)} Choose another, or fetch it "
            "again."
        ) from error
    return Reader(name, model.to(where.kind).eval(), tokenizer, where.kind, _window(model, tokenizer))


def _window(model: Any, tokenizer: Any) -> int:
    """Tokens that have a place. RoBERTa's places begin behind its padding's number, so its table of 514 holds
    512; a model without a table reads what its tokenizer says."""
    import torch

    places = getattr(model.config, "max_position_embeddings", 0)
    if not places:
        return int(min(tokenizer.model_max_length, 512))
    for one in model.modules():
        if isinstance(one, torch.nn.Embedding) and one.num_embeddings == places:
            return int(places if one.padding_idx is None else places - one.padding_idx - 1)
    return int(places)
