"""The decode loop token by token: what a step tells, when it stops, what is reused, and what it refuses."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.inference import prompt
from engine.inference.decode import decode
from engine.inference.lookup import Acceptance, Lookup
from engine.inference.model import Loaded, load
from engine.inference.prefix import PrefixCache
from engine.inference.samples import samples
from engine.inference.sampling import Sampling, drawn
from engine.inference.speculate import Speculator
from engine.inference.stop import Stop
from engine.inference.stream import collect, stream
from tests import tiny

Tiny = Callable[[str], Path]
EVIDENCE = ["It ended a long war.", "The treaty was signed in 1648.", "The lander is on the Moon."]


@pytest.fixture(scope="module")
def loaded(tiny_model: Tiny) -> Loaded:
    return load(str(tiny_model("qwen3")), device="cpu")


@pytest.fixture(scope="module")
def asked(loaded: Loaded) -> list[int]:
    return prompt.prompt_ids(loaded.tokenizer, prompt.answer_messages("When was it signed?", EVIDENCE))


def passes(model: Any) -> tuple[list[int], Any]:
    """How many tokens each pass of the model reads, from now on, and the hook that counts them."""
    seen: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    return seen, hook


@pytest.mark.parametrize("ban", [False, True])
def test_the_steps_add_up_to_what_batched_decoding_says(loaded: Loaded, asked: list[int], ban: bool) -> None:
    settings: dict[str, Any] = {"max_new_tokens": 12, "refusal_token": 40, "ban_refusal": ban}
    batched = decode(loaded, [asked], **settings)[0]
    steps = list(stream(loaded, asked, drafter=Lookup(loaded), guess=batched.ids[:4], **settings))
    ours = collect(steps)
    assert (ours.text, ours.ids) == (batched.text, batched.ids)
    assert ours.logprobs == pytest.approx(batched.logprobs, abs=2e-4)
    assert ours.refusal == pytest.approx(batched.refusal, abs=1e-6)
    assert [step.drafted for step in steps[:5]] == [True] * 4 + [False]
    assert all(after.text.startswith(before.text) for before, after in pairwise(steps))
    assert [bool(step.end) for step in steps] == [False] * (len(steps) - 1) + [True]


def test_a_closed_stream_computes_nothing_more(loaded: Loaded, asked: list[int]) -> None:
    seen, hook = passes(loaded.model)
    steps = stream(loaded, asked, max_new_tokens=30)
    next(steps), next(steps)
    steps.close()
    assert seen == [len(asked), 1]
    assert next(steps, None) is None and len(seen) == 2
    hook.remove()


def test_an_answer_that_was_guessed_right_takes_one_pass(loaded: Loaded, asked: list[int]) -> None:
    said = [step.token for step in stream(loaded, asked, max_new_tokens=9)]
    steps = list(stream(loaded, asked, max_new_tokens=9, guess=said))
    assert [step.token for step in steps] == said and steps[-1].work.passes == 1
    assert steps[-1].end == "length" and steps[-1].work.accepted == 8


@pytest.mark.parametrize(
    ("rule", "text", "why"),
    [
        (Stop(cited=True), "Paris [2]", "cited"),
        (Stop(cited=True), "Paris [2", ""),
        (Stop(cited=True), "[2]", ""),
        (Stop(cited=True), "Paris [2] and", ""),
        (Stop(cited=True), "in [sic]", ""),
        (Stop(), "Paris [2]\nRome", ""),
        (Stop(newline=True), "\n\nParis", ""),
        (Stop(newline=True), "Paris\n", "newline"),
    ],
)
def test_a_rule_of_brevity_ends_an_answer_where_it_says(rule: Stop, text: str, why: str) -> None:
    assert rule.why(text) == why


def test_an_answer_ends_with_its_citation_or_line_if_that_is_wanted(small: Loaded) -> None:
    ids = prompt.prompt_ids(small.tokenizer, prompt.answer_messages("When was it signed?", EVIDENCE))
    whole = list(stream(small, ids))
    short = list(stream(small, ids, stop=Stop(cited=True)))
    assert whole[-1].end == "end" and short[-1].end == "cited"
    assert short[-1].text == whole[-1].text.rstrip() and "[2]" in short[-1].text
    assert len(short) == len(whole) - 1


def test_a_prompt_read_before_is_not_read_again(loaded: Loaded, asked: list[int]) -> None:
    prefix = PrefixCache(loaded)
    first = collect(stream(loaded, asked, max_new_tokens=6, prefix=prefix))
    seen, hook = passes(loaded.model)
    steps = list(stream(loaded, asked, max_new_tokens=6, prefix=prefix))
    assert collect(steps).ids == first.ids and seen[0] == 1
    assert (steps[0].work.read, steps[0].work.reused) == (1, len(asked) - 1)
    seen.clear()
    other = [*asked[:20], 99, *asked[21:]]
    assert [step.token for step in stream(loaded, other, max_new_tokens=6, prefix=prefix)] == [
        step.token for step in stream(loaded, other, max_new_tokens=6)
    ]
    assert seen[0] == len(other) - 20 and len(prefix) == 2
    hook.remove()


def test_the_prefix_cache_stays_within_its_bytes_and_forgets_the_oldest(loaded: Loaded) -> None:
    prefix = PrefixCache(loaded)
    list(stream(loaded, [50] * 40, max_new_tokens=1, prefix=prefix))
    prefix.most_bytes = 3 * prefix.size + 10
    for first in range(60, 70):
        list(stream(loaded, [first] * 40, max_new_tokens=1, prefix=prefix))
        assert prefix.size <= prefix.most_bytes
    assert len(prefix) == 3
    assert next(stream(loaded, [69] * 40, max_new_tokens=1, prefix=prefix)).work.reused == 39
    assert next(stream(loaded, [60] * 40, max_new_tokens=1, prefix=prefix)).work.reused == 0


def test_a_longer_prompt_takes_the_place_of_its_own_beginning(loaded: Loaded) -> None:
    prefix = PrefixCache(loaded)
    for size in (10, 30, 20):
        list(stream(loaded, list(range(50, 50 + size)), max_new_tokens=1, prefix=prefix))
    assert len(prefix) == 1


def test_another_adapter_does_not_answer_from_the_first_ones_cache(tiny_model: Tiny, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        get_peft_model(load(str(tiny_model("qwen3"))).model, settings).save_pretrained(tmp_path)
    loose = load(str(tiny_model("qwen3")), tmp_path, device="cpu", merge=False)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        loose.model.add_adapter("other", settings)
    prefix, ids = PrefixCache(loose), list(range(30, 70))
    first = list(stream(loose, ids, max_new_tokens=5, prefix=prefix))
    loose.model.set_adapter("other")
    steps = list(stream(loose, ids, max_new_tokens=5, prefix=prefix))
    assert steps[0].work.reused == 0
    assert [step.logprob for step in steps] != [step.logprob for step in first]


def test_a_lookup_quotes_the_evidence_then_cites_it(small: Loaded) -> None:
    lookup, words = Lookup(small), small.tokenizer
    ids = prompt.prompt_ids(words, prompt.answer_messages("When was the treaty signed?", EVIDENCE))
    said = prompt.completion_ids(words, "The treaty was")[:-1]
    quoted = words.decode(lookup.draft([*ids, *said], len(ids), 8))
    assert quoted.startswith(" signed in 1648")
    said = prompt.completion_ids(words, "The treaty [")[:-1]
    lookup.draft([*ids, *said[:-1]], len(ids), 8)
    tail = lookup.draft([*ids, *said], len(ids), 8)
    assert words.decode(tail[:-1]) == "2]" and tail[-1] == prompt.turn_end(words)
    said = prompt.completion_ids(words, "I")[:-1]
    assert words.decode(lookup.draft([*ids, *said], len(ids), 8), skip_special_tokens=True) == " don't know"


def test_drafting_switches_itself_off_while_it_is_wrong_and_tries_again() -> None:
    acceptance = Acceptance(least=0.2, again=4)
    tries = 0
    for _ in range(100):
        if acceptance.ask():
            tries += 1
            acceptance.learn(5, 0)
    assert not acceptance.on and 20 < tries < 50
    while not acceptance.on:
        if acceptance.ask():
            acceptance.learn(5, 5)
    assert acceptance.share >= 0.2


def test_models_with_other_tokens_do_not_draft_for_each_other(small: Loaded, loaded: Loaded) -> None:
    with pytest.raises(ConfigError, match="bantam-small cannot draft for .*, their tokens differ"):
        Speculator(small, loaded)


@pytest.mark.parametrize("name", ["qwen3", "gemma3", "phi4"])
def test_samples_come_from_one_reading_and_the_first_is_the_streamed_one(name: str, tiny_model: Tiny) -> None:
    model = load(str(tiny_model(name)), device="cpu")
    ids = [30 + place % 200 for place in range(250)]
    drawing = Sampling(temperature=1.5, top_p=0.95, seed=2)
    seen, hook = passes(model.model)
    five = samples(model, ids, 5, sampling=drawing, max_new_tokens=10)
    assert seen.count(250) == 1
    hook.remove()
    assert samples(model, ids, 2, sampling=drawing, max_new_tokens=10)[1].ids == five[1].ids
    assert samples(model, ids, 5, sampling=drawing, max_new_tokens=10, prefix=PrefixCache(model)) == five
    guess = five[0].ids[:5]
    alone = collect(stream(model, ids, sampling=drawing, max_new_tokens=10, guess=guess))
    assert alone.ids == five[0].ids
    assert alone.logprobs == pytest.approx(five[0].logprobs, abs=2e-4)
    assert len({tuple(one.ids) for one in five}) > 1


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    import torch

    row = torch.tensor([2.0, 0.0, 1.0, -1.0, -30.0])
    grid = [(place + 0.5) / 2_000 for place in range(2_000)]
    for temperature in (0.5, 1.0, 2.0):
        drawing = Sampling(temperature=temperature)
        counts = torch.bincount(torch.tensor([drawn(row, drawing, n) for n in grid]), minlength=5)
        expected = torch.softmax(row / temperature, -1)
        assert (counts / 2_000 - expected).abs().max() < 1e-3
    narrow = Sampling(temperature=1.0, top_p=0.8)
    assert {drawn(row, narrow, n) for n in grid} == {0, 2}
    assert {drawn(row, Sampling(top_p=0.01), n) for n in grid[::100]} == {0}


@pytest.mark.parametrize(
    ("length", "most", "message"),
    [
        (0, 4, "The prompt is empty"),
        (509, 4, "509 tokens and 4 .*window of 512 tokens: use fewer"),
        (5, 0, "ask for at least 1"),
    ],
)
def test_a_prompt_that_cannot_be_answered_is_refused(
    loaded: Loaded, length: int, most: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        next(stream(loaded, [5] * length, max_new_tokens=most))
    with pytest.raises(ConfigError, match=message):
        samples(loaded, [5] * length, 2, max_new_tokens=most)


def test_no_samples_are_refused(loaded: Loaded) -> None:
    with pytest.raises(ConfigError, match="0 samples cannot be drawn"):
        samples(loaded, [5], 0)


def test_reading_a_batch_does_not_copy_the_output_matrix(loaded: Loaded, asked: list[int]) -> None:
    """torch multiplied the cut states by a copy of the whole matrix, once a row: a sixth of a prompt's
    time."""
    from torch.utils._python_dispatch import TorchDispatchMode

    rows: list[tuple[str, tuple[int, ...]]] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = op(*args, **(kwargs or {}))
            if getattr(out, "shape", None) is not None:
                rows.append((str(op), tuple(out.shape)))
            return out

    vocabulary = loaded.model.config.vocab_size
    with Watch():
        decode(loaded, [asked, asked[:50], asked[:20]], max_new_tokens=2)
        next(stream(loaded, asked, guess=[5, 6]))
    assert rows and not [shape for op, shape in rows if "bmm" in op and shape[-1] == vocabulary]


# RoPE in bfloat16


@pytest.mark.parametrize("name", tiny.MODELS)
def test_rope_frequencies_stay_in_float32_when_the_weights_do_not(name: str, tiny_model: Tiny) -> None:
    """Casting the model rounded them to bfloat16: 17 of 20 answers were a server's, 20 of 20 since."""
    import torch
    from transformers import AutoModelForCausalLM

    made = load(str(tiny_model(name)), device="cpu", precision=torch.bfloat16).model
    own = AutoModelForCausalLM.from_pretrained(str(tiny_model(name)), dtype=torch.bfloat16)
    expected = dict(own.named_buffers())
    found = dict(made.named_buffers())
    rope = [key for key in found if "inv_freq" in key]
    assert rope and found.keys() == expected.keys()
    assert all(found[key].dtype == torch.float32 for key in rope)
    assert all(torch.equal(found[key], expected[key]) for key in rope)
    assert {weight.dtype for weight in made.parameters()} == {torch.bfloat16}
    ids = torch.tensor([[30 + place for place in range(200)]])
    with torch.inference_mode():
        assert torch.equal(made(input_ids=ids).logits, own.eval()(input_ids=ids).logits)


def test_rope_frequencies_stay_in_float32_with_an_adapter_merged_in_float32() -> None:
    import torch

    model = load("smollm2-135m-grounded", device="cpu", precision=torch.bfloat16).model
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert model.model.rotary_emb.inv_freq[1] == pytest.approx(100_000 ** (-2 / 64), rel=1e-6)
    assert model.lm_head.weight.dtype == torch.bfloat16
