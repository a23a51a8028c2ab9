"""Have the writing model ask about many spans at once, reading nothing twice.

All prompts begin alike (the instruction), those about one sentence go on alike (the sentence), and only the
answer differs. Each of these parts is read once and its keys are shared; a row leaves the batch when it has
asked. Greedy, so that the questions are those that decode() would write, up to near ties of the number
format. Knows no filter.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.errors import ConfigError
from engine.inference import kv
from engine.inference.decode import batches, end_tokens
from engine.inference.forward import compact_head
from engine.inference.model import Loaded
from engine.inference.prompt import ask_messages, lead, prompt_ids

GROUP_TOKENS = 1024  # padded tokens of the sentences that are asked about together
LONGEST = 28


class Asked(NamedTuple):
    """A question and how sure the writer was of it: the mean log-probability (natural) of its tokens."""

    text: str
    logprob: float


class Wish(NamedTuple):
    """Sentences, the answers that are to be asked for, and for each the words that its question may begin
    with (none: any)."""

    evidence: tuple[str, ...]
    answers: tuple[str, ...]
    openings: tuple[tuple[str, ...], ...] = ()


def ask(writer: Loaded, wishes: Sequence[Wish]) -> list[list[Asked]]:
    """A question for each answer of each wish, in order. Raises ConfigError for evidence that does not fit
    the writer's window."""
    import torch

    prompts = [
        [prompt_ids(writer.tokenizer, ask_messages(wish.evidence, answer)) for answer in wish.answers]
        for wish in wishes
    ]
    flat = [ids for rows in prompts for ids in rows]
    longest = max((len(ids) for ids in flat), default=0)
    if longest + LONGEST > writer.context:
        raise ConfigError(
            f"A sentence of {longest} tokens with its answer does not fit {writer.name}'s window of "
            f"{writer.context}: use shorter sentences or another writer."
        )
    asked: list[list[Asked]] = [[] for _ in wishes]
    places = [place for place, rows in enumerate(prompts) if rows]
    if not places:
        return asked
    head = _shared(flat)
    with torch.inference_mode(), compact_head(writer.model):
        start = kv.fresh(writer.model.config)
        _read(writer, [flat[0][:head]], start, torch.ones(1, head, dtype=torch.long))
        stems = [max(_shared(prompts[place]), head) for place in places]
        for group in batches([stem - head + 1 for stem in stems], GROUP_TOKENS):
            chosen = [wishes[places[i]] for i in group]
            opens = [words for wish in chosen for words in wish.openings or ((),) * len(wish.answers)]
            rows, sizes = [prompts[places[i]] for i in group], [stems[i] for i in group]
            found = _ask(writer, start, head, rows, sizes, opens)
            for i, questions in zip(group, found, strict=True):
                asked[places[i]] = questions
    return asked


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all `prompts` begin with together; one less than the shortest at most, so that each has
    something to read."""
    first, last = min(prompts, key=list), max(prompts, key=list)
    alike = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        alike += 1
    return min(alike, min(len(ids) for ids in prompts) - 1)


def _ask(
    writer: Loaded,
    start: Any,
    head: int,
    prompts: list[list[list[int]]],
    stems: list[int],
    openings: Sequence[tuple[str, ...]],
) -> list[list[Asked]]:
    """The questions of one group of sentences: read the sentences, then the answers, then write."""
    import torch

    cache = kv.copied(start, head, writer.model.config, room=max(stems) - head)
    kv.select(cache, torch.zeros(len(prompts), dtype=torch.long))
    mask = torch.ones(len(prompts), head, dtype=torch.long)
    stem = [rows[0][head:size] for rows, size in zip(prompts, stems, strict=True)]
    if any(stem):
        mask = _padded_mask(mask, stem)
        _read(writer, _padded(stem), cache, mask)
    owner = [place for place, rows in enumerate(prompts) for _ in rows]
    kv.select(cache, torch.tensor(owner))
    mask = mask[owner]
    rest = [ids[size:] for rows, size in zip(prompts, stems, strict=True) for ids in rows]
    mask = _padded_mask(mask, rest)
    written = list(_write(writer, cache, mask, _read(writer, _padded(rest), cache, mask), openings))
    found: list[list[Asked]] = [[] for _ in prompts]
    for place, one in zip(owner, written, strict=True):
        found[place].append(one)
    return found


def _padded(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    width = max(len(row) for row in rows)
    return [[0] * (width - len(row)) + list(row) for row in rows]


def _padded_mask(mask: Any, rows: Sequence[Sequence[int]]) -> Any:
    import torch

    width = max(len(row) for row in rows)
    new = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return torch.cat([mask, new], -1)


def _read(writer: Loaded, ids: list[list[int]], cache: Any, mask: Any) -> Any:
    """Read `ids` [rows, tokens] behind what the cache holds; the last place's logits in float32."""
    import torch

    device = writer.device.kind
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -len(ids[0]) :]
    out = writer.model(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=mask.to(device),
        position_ids=positions.to(device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return out.logits[:, -1].float()


def _write(
    writer: Loaded, cache: Any, mask: Any, logits: Any, openings: Sequence[tuple[str, ...]]
) -> Iterator[Asked]:
    import torch

    ends = set(end_tokens(writer))
    marks = _marks(writer.tokenizer)
    alive = list(range(len(mask)))
    said: list[list[int]] = [[] for _ in alive]
    sure: list[float] = [0.0] * len(alive)
    barred = _barred(writer.tokenizer, openings, logits)
    for step in range(LONGEST):
        best = (logits + barred).argmax(-1) if step == 0 else logits.argmax(-1)
        scores = (logits.gather(-1, best[:, None])[:, 0] - logits.logsumexp(-1)).tolist()
        going = []
        for row, (place, token, score) in enumerate(zip(alive, best.tolist(), scores, strict=True)):
            sure[place] += score
            if token not in ends:
                said[place].append(token)
            if token not in ends and token not in marks:
                going.append(row)
        if not going or step + 1 == LONGEST:
            break
        if len(going) < len(alive):
            alive = [alive[row] for row in going]
            kept = torch.tensor(going)
            kv.select(cache, kept)
            mask, best = mask[kept], best[kept]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], -1)
        logits = _read(writer, best[:, None].tolist(), cache, mask)
    for tokens, total in zip(said, sure, strict=True):
        text = writer.tokenizer.decode(tokens, skip_special_tokens=True)
        text = text[: text.find("?") + 1] if "?" in text else text
        yield Asked(" ".join(text.split()), total / max(1, len(tokens)))


def _barred(tokenizer: Any, openings: Sequence[tuple[str, ...]], logits: Any) -> Any:
    """-inf where a question may not begin with a token, else 0: [rows, vocabulary]."""
    import torch

    barred = torch.zeros_like(logits)
    for row, words in enumerate(openings):
        if words:
            barred[row] = -torch.inf
            barred[row, _firsts(tokenizer, words)] = 0.0
    return barred


def _firsts(tokenizer: Any, words: tuple[str, ...]) -> list[int]:
    said = [tokenizer(lead(tokenizer) + word, add_special_tokens=False)["input_ids"] for word in words]
    return sorted({ids[0] for ids in said})


def _marks(tokenizer: Any) -> frozenset[int]:
    """The tokens that hold a question mark: what they end is asked."""
    return frozenset(place for token, place in tokenizer.get_vocab().items() if "?" in token)
