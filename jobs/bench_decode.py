"""Our decode loop beside transformers' own generate, on prompts as they are served, in one run: ratios and
equality.

Each prompt is answered by both, in turn first, up to the same end token: no rule of brevity helps ours.
The prefix cache has seen other questions, not this one. Run it with `python -m jobs bench --decode`; about
four minutes on two cores.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from engine.catalog import LARGE, SMALL
from engine.data.load import samples as corpora
from engine.device import load_average
from engine.evaluation.exactness import exactness, generated, random_prompts
from engine.inference.decode import decode, end_tokens
from engine.inference.lookup import Lookup
from engine.inference.model import Loaded
from engine.inference.model import load as load_model
from engine.inference.prefix import PrefixCache
from engine.inference.prompt import answer_messages, completion_ids, prompt_ids
from engine.inference.samples import samples
from engine.inference.sampling import Sampling
from engine.inference.stream import stream
from engine.progress import Progress, Report, silent

SAMPLE, PROMPTS, FIVE, LONGEST, WARM_UP = "space", 20, 6, 32, 2
Chat = tuple[str, list[str]]


class Clock:
    """Wall-clock and processor seconds by name."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Do `work` and add what it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
        return done

    def ratio(self, plain: str, ours: str) -> dict[str, float]:
        """How many times as long `plain` takes."""
        return {
            "wall": round(self.wall[plain] / self.wall[ours], 2),
            "cpu": round(self.cpu[plain] / self.cpu[ours], 2),
        }


def served(count: int = PROMPTS, report: Report = silent) -> list[Chat]:
    """Questions of the sample with their bullets, as the default settings serve them."""
    from engine.retrieval import index as indexes
    from engine.retrieval.compress import compress
    from engine.retrieval.search import search

    corpus = corpora(SAMPLE)
    index = indexes.build(corpus.documents, report=report)
    asked = [question.question for question in corpus.questions]
    made = []
    for question in asked[:: max(len(asked) // count, 1)][:count]:
        vector = index.embedder.vectors([question])[0]
        hits = search(index, question, 3, vector=vector)
        made.append((question, [b.text for b in compress(index, question, hits, 6, vector=vector)]))
    return made


def compare(
    loaded: Loaded, chats: Sequence[Chat], small: Loaded | None = None, report: Report = silent
) -> dict[str, Any]:
    """Ratios of plain generate's time to ours over all prompts, and how many answers are equal. `small` gives
    guesses, as when its answer is escalated; its own time is told apart."""
    clock, lookup = Clock(), Lookup(loaded)
    rows = [prompt_ids(loaded.tokenizer, answer_messages(*chat)) for chat in chats]
    for row in rows[-WARM_UP:]:
        generated(loaded, row, 4)
        _said(loaded, row)
    equal = guessed = tokens = 0
    for number, (row, chat) in enumerate(zip(rows, chats, strict=True)):

        def warm(other: list[int] = rows[number - 1]) -> PrefixCache:
            known = PrefixCache(loaded)
            list(stream(loaded, other, max_new_tokens=1, prefix=known))
            return known

        plain = partial(generated, loaded, row, LONGEST)
        ours = partial(_said, loaded, row, drafter=lookup, prefix=warm())
        if number % 2:
            expected, said = clock.time("plain", plain), clock.time("ours", ours)
        else:
            said, expected = clock.time("ours", ours), clock.time("plain", plain)
        equal += said == expected
        tokens += len(expected)
        if small is not None:
            asked = prompt_ids(small.tokenizer, answer_messages(*chat))
            text = clock.time("small", partial(decode, small, [asked]))[0].text
            guess = completion_ids(loaded.tokenizer, text)
            settings = {"drafter": lookup, "prefix": warm(), "guess": guess}
            guessed += clock.time("guess", partial(_said, loaded, row, **settings)) == expected
        report(Progress("greedy", number + 1, len(rows), "answers"))
    made = {"prompts": len(rows), "tokens": tokens, "equal": equal, "greedy": clock.ratio("plain", "ours")}
    if small is not None:
        made |= {"guess": clock.ratio("plain", "guess"), "guess_equal": guessed}
    each = {name: round(1000 * value / len(rows)) for name, value in clock.wall.items()}
    return made | {"ms": each, "lookup": lookup.acceptance.share}


def _said(loaded: Loaded, row: list[int], **settings: Any) -> list[int]:
    return [step.token for step in stream(loaded, row, max_new_tokens=LONGEST, **settings)]


def compare_five(loaded: Loaded, chats: Sequence[Chat], report: Report = silent) -> dict[str, Any]:
    """Five samples of each prompt from one reading against five calls of generate."""
    import torch

    clock, drawing = Clock(), Sampling(temperature=0.7, seed=1)
    options: dict[str, Any] = {"max_new_tokens": LONGEST, "do_sample": True, "temperature": 0.7, "top_k": 0}
    options |= {"eos_token_id": end_tokens(loaded), "pad_token_id": loaded.tokenizer.pad_token_id}
    tokens = {"plain": 0, "ours": 0}
    for number, chat in enumerate(chats):
        row = prompt_ids(loaded.tokenizer, answer_messages(*chat))
        ids = torch.tensor([row], device=loaded.device.kind)

        def five(ids: Any = ids) -> int:
            said = 0
            with torch.inference_mode(), torch.random.fork_rng():
                for seed in range(5):
                    torch.manual_seed(seed)
                    out = loaded.model.generate(ids, attention_mask=torch.ones_like(ids), **options)
                    said += out.shape[1] - ids.shape[1]
            return said

        tokens["plain"] += clock.time("plain", five)
        ours = partial(samples, loaded, row, 5, sampling=drawing, max_new_tokens=LONGEST)
        drawn = clock.time("ours", ours)
        tokens["ours"] += sum(len(one.logprobs) for one in drawn)
        report(Progress("samples", number + 1, len(chats), "prompts"))
    return {"prompts": len(chats), "tokens": tokens, "five": clock.ratio("plain", "ours")}


def bench_decode(report: Report = silent, *, float32: bool = False, exact: int = 0) -> dict[str, Any]:
    """Everything on this machine; with `exact`, also the count of equal answers to so many random prompts
    of the embedded models, in float32."""
    import torch

    precision = torch.float32 if float32 else None
    loaded, small = load_model(LARGE, precision=precision), load_model(SMALL)
    chats = served(report=report)
    made: dict[str, Any] = {
        "machine": loaded.device.label,
        "format": str(loaded.model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "load_before": load_average(),
        "model": LARGE,
        "greedy": compare(loaded, chats, small, report),
        "five": compare_five(loaded, chats[:FIVE], report),
    }
    if exact:
        made["exact"] = {name: _counted(name, exact, report) for name in (SMALL, "smollm2-135m", LARGE)}
    return made


def _counted(name: str, count: int, report: Report) -> dict[str, str]:
    import torch

    loaded = load_model(name, precision=torch.float32)
    differ = exactness(loaded, random_prompts(loaded, count, (3, 20, 60), seed=8), max_new_tokens=6)
    report(Progress("exact", 1, 1, name))
    return {feature: f"{count - len(numbers)}/{count}" for feature, numbers in differ.items()}


def shown(made: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    greedy, five = made["greedy"], made["five"]
    many = greedy["prompts"]
    where = f"{made['machine']}, {made['threads']} threads, load before it began {made['load_before']}"
    lines = [f"{made['model']} in {made['format']}: {where}"]
    for name, counts, how in (
        ("one greedy answer", greedy["greedy"], f"{greedy['equal']} of {many} answers equal"),
        (
            "the same, guessed",
            greedy["guess"],
            f"{greedy['guess_equal']} of {many} answers equal",
        ),
        ("five samples", five["five"], f"{five['prompts']} prompts, against five calls"),
    ):
        times = f"{counts['wall']:>5} times as fast as generate ({counts['cpu']} in processor time)"
        lines.append(f"{name:<18} {times}, {how}")
    lines.append("milliseconds an answer: " + ", ".join(f"{name} {ms}" for name, ms in greedy["ms"].items()))
    lines.append(f"guessed: {SMALL}'s answer is read with the prompt; its own time (small) is not counted")
    for name, counts in made.get("exact", {}).items():
        lines.append(f"{name}: " + ", ".join(f"{feature} {count}" for feature, count in counts.items()))
    return "\n".join(lines)
