"""Decode one prompt token by token, as a generator: closing it stops the model.

Greedy or sampled, with drafts that are checked several at a time (lookup.py, speculate.py), from a prefix
that was read before (prefix.py). What comes out does not depend on any of these, only how soon it does:
every token is the one the model itself would have said there. Knows tokens only: no questions, no
evidence.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple, Protocol

from engine.inference import kv
from engine.inference.decode import Decoded, check, end_tokens
from engine.inference.forward import Passes, changing
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache
from engine.inference.sampling import Sampling, chooser
from engine.inference.stop import Stop

DRAFT = 8


class Work(NamedTuple):
    """What the answer has cost so far: prompt tokens `read` and `reused` from the prefix cache, passes of
    the model, tokens `drafted` and those of them that were `accepted`."""

    read: int
    reused: int
    passes: int
    drafted: int
    accepted: int


class Step(NamedTuple):
    """One token of the answer. `text` is the answer so far, without an end token; `logprob` (natural) is
    the model's own, whatever was sampled from; `refusal` is the probability of the refusal's first token
    where the answer starts (the same in every step). `end` is "" while the answer goes on, then why it
    ended: "end" (the model's end token), "cited", "newline" or "length"."""

    token: int
    text: str
    logprob: float
    refusal: float
    end: str
    drafted: bool
    work: Work


class Drafter(Protocol):
    """Guesses what comes next."""

    def draft(self, ids: Sequence[int], start: int, most: int) -> list[int]:
        """At most `most` tokens that may follow `ids`, whose answer begins at `start`; none if it has no
        guess."""
        ...

    def learn(self, drafted: int, accepted: int) -> None:
        """Of `drafted` tokens so many were right."""
        ...


def stream(
    loaded: Loaded,
    prompt: Sequence[int],
    *,
    max_new_tokens: int = 32,
    refusal_token: int | None = None,
    ban_refusal: bool = False,
    sampling: Sampling | None = None,
    stop: Stop | None = None,
    prefix: PrefixCache | None = None,
    drafter: Drafter | None = None,
    guess: Sequence[int] = (),
) -> Generator[Step, None, None]:
    """Answer one prompt (token ids), a Step a token.

    Without `sampling` greedily. `guess` is a whole answer that may be right (another model's, the
    reader's): it is read with the prompt, and as much of it as the model agrees with is said at once.
    `refusal_token` is watched at the first token; with `ban_refusal` it can't be chosen there. Raises
    ConfigError, when the generator is first asked, for an empty prompt and for one that does not fit the
    model's window: it is never cut silently.
    """
    import torch

    check(loaded, prompt, max_new_tokens)
    choose, rule, ends = chooser(sampling), stop or Stop(), frozenset(end_tokens(loaded))
    fixed = not changing(loaded.model.config)
    passes = prefix.start(prompt) if prefix is not None and fixed else Passes(loaded)
    ids, start, reused = list(prompt), len(prompt), kv.length(passes.cache)
    refusal, drafted, accepted = 0.0, 0, 0
    while True:
        said = len(ids) - start
        room = passes.room(len(ids), max_new_tokens - said - 1) if fixed else 0
        drafts = _drafts(drafter, guess, ids, start, room)
        with torch.inference_mode():
            rows = passes.read(ids + drafts, len(drafts) + 1)
        if not said:
            refusal = 0.0 if refusal_token is None else float(torch.softmax(rows[0], -1)[refusal_token])
            if prefix is not None and fixed:
                prefix.keep(prompt, passes)
        right, why = 0, ""
        for place, row in enumerate(rows):
            token, logprob = choose(row, refusal_token if ban_refusal and not said + place else None)
            hit = place < len(drafts) and token == drafts[place]
            right += hit
            ids.append(token)
            text, why = shown(loaded, ids[start:], ends, rule, max_new_tokens)
            work = Work(start - reused, reused, passes.count, drafted + len(drafts), accepted + right)
            yield Step(token, text, logprob, refusal, why, hit, work)
            if why or not hit:
                break
        drafted, accepted = drafted + len(drafts), accepted + right
        if drafter and said and drafts:
            drafter.learn(min(len(drafts), right + 1), right)
        if why:
            return
        kv.crop(passes.cache, len(ids) - 1)


def collect(steps: Iterable[Step]) -> Decoded:
    """The whole answer from its steps, as `decode` gives it: the token that ended it is left out of the
    ids and has a log-probability all the same."""
    said = list(steps)
    ids = [step.token for step in said if step.end not in ("end", "newline")]
    logprobs = [step.logprob for step in said]
    return Decoded(said[-1].text.strip() if said else "", ids, logprobs, said[0].refusal if said else 0.0)


def _drafts(
    drafter: Drafter | None, guess: Sequence[int], ids: list[int], start: int, room: int
) -> list[int]:
    if len(ids) == start:
        return list(guess[:room])
    return drafter.draft(ids, start, min(room, DRAFT))[:room] if drafter and room > 0 else []


def shown(loaded: Loaded, said: list[int], ends: frozenset[int], rule: Stop, most: int) -> tuple[str, str]:
    """The answer so far as text, and why it is over."""
    over = said[-1] in ends
    text = str(loaded.tokenizer.decode(said[:-1] if over else said, skip_special_tokens=True))
    why = "end" if over else rule.why(text) or ("length" if len(said) >= most else "")
    text = rule.shown(text)
    return text if why else text.rstrip("\ufffd"), why
