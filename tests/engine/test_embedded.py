"""The embedded models do what their cards say: answer and cite, refuse, find spans, make unit vectors."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import catalog
from engine.errors import ModelError
from engine.inference import weights
from engine.inference.decode import decode, end_tokens
from engine.inference.extract import Reader, _best
from engine.inference.extract import reader as load_reader
from engine.inference.model import Loaded, load
from engine.inference.prompt import REFUSAL, answer_messages, ask_messages, parse, prompt_ids, refusal_token
from engine.inference.trace import Answer
from engine.retrieval.embed import Embedder
from tests import tiny

EVIDENCE = ["It ended a long war.", "The treaty was signed in 1648.", "Many towns had been burned by then."]
MOON = "The lander touched down in the Sea of Tranquility on 20 July 1969."
CASES = (
    ("When was the treaty signed?", EVIDENCE, "1648", (2,)),
    (
        "Who discovered the moons of Mars?",
        ["Asaph Hall discovered the moons of Mars.", MOON],
        "Asaph Hall",
        (1,),
    ),
    ("Where did the lander touch down?", [*EVIDENCE, MOON], "Sea of Tranquility", (4,)),
)


def answers(loaded: Loaded, *asked: tuple[str, list[str]]) -> list[Answer]:
    prompts = [
        prompt_ids(loaded.tokenizer, answer_messages(question, evidence)) for question, evidence in asked
    ]
    made = decode(loaded, prompts, max_new_tokens=24, refusal_token=refusal_token(loaded.tokenizer))
    return [
        parse(said.text, len(evidence), refusal=said.refusal, logprobs=said.logprobs)
        for said, (_, evidence) in zip(made, asked, strict=True)
    ]


def check_grounded(loaded: Loaded) -> None:
    """It answers CASES with the right bullet cited, and refuses what the evidence does not say."""
    found = answers(loaded, *((question, evidence) for question, evidence, _, _ in CASES))
    for answer, (_, _, expected, cited) in zip(found, CASES, strict=True):
        assert expected in answer.text and answer.citations == cited and not answer.refused
        assert answer.refusal < 0.5 and max(answer.logprobs) <= 0
    refused = answers(loaded, ("How tall was the tower?", EVIDENCE))[0]
    assert refused.refused and refused.text == REFUSAL and refused.refusal > 0.5


@pytest.fixture(scope="module")
def small() -> Loaded:
    return load(catalog.SMALL, device="cpu")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader()


# bantam-small


def test_bantam_small_answers_from_evidence_with_its_number_and_refuses_without_any(small: Loaded) -> None:
    check_grounded(small)
    assert small.context == 2048 and small.template == "abc10737d1b76ffc"
    assert small.model.num_parameters() == pytest.approx(small.entry.parameters * 1e6, rel=0.01)


def test_bantam_small_decodes_as_transformers_does(small: Loaded) -> None:
    import torch

    prompts = [
        prompt_ids(small.tokenizer, answer_messages(question, evidence)) for question, evidence, _, _ in CASES
    ]
    ours = decode(small, prompts, max_new_tokens=24)
    for prompt, answer in zip(prompts, ours, strict=True):
        ids = torch.tensor([prompt])
        theirs = small.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False
        )
        said = [token for token in theirs[0, len(prompt) :].tolist() if token not in end_tokens(small)]
        assert answer.ids == said
        assert small.tokenizer.decode(said).strip() == answer.text


def test_bantam_small_can_be_kept_from_refusing(small: Loaded) -> None:
    prompt = prompt_ids(small.tokenizer, answer_messages("How tall was the tower?", EVIDENCE))
    watched = refusal_token(small.tokenizer)
    free, banned = (
        decode(small, [prompt], refusal_token=watched, ban_refusal=ban)[0] for ban in (False, True)
    )
    assert free.ids[0] == watched and banned.ids[0] != watched
    assert free.refusal == pytest.approx(banned.refusal, abs=1e-5)


def test_bantam_small_writes_questions(small: Loaded) -> None:
    prompt = prompt_ids(small.tokenizer, ask_messages([MOON], "Sea of Tranquility"))
    written = decode(small, [prompt], max_new_tokens=24)[0].text
    assert written.startswith("Where") and written.endswith("?")


# smollm2


def test_weights_that_are_not_the_checked_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)
    with pytest.raises(
        ModelError, match=r"SmolLM2-135M-Instruct.Q4_1.gguf is not the one .*run `make setup`"
    ):
        load("smollm2-135m")
    assert not (tmp_path / "cache").exists(), "nothing was converted"


def test_an_embedder_that_is_not_the_checked_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(weights, "_package", lambda *_: tmp_path)
    with pytest.raises(ModelError, match="model.safetensors is not the one this project was checked with"):
        weights.embedder_folder()
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="model.safetensors cannot be read .*run `make setup`"):
        weights.embedder_folder()


def test_a_converted_model_is_used_again_and_the_cache_can_be_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Callable[[str], Path]
) -> None:
    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "_convert", lambda *_: pytest.fail("it was converted again"))
    home = tmp_path / f"smollm2-135m-{weights.GGUF_SHA256[:12]}"
    shutil.copytree(tiny_model("smollm2"), home)
    assert weights.smollm2_folder() == home
    assert load("smollm2-135m").model.config.hidden_size == 32


def test_a_conversion_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(gguf: Path, base: Path, made: Path) -> None:
        made.mkdir()
        (made / "model.safetensors").write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_convert", broken)
    monkeypatch.setattr(weights, "_check", lambda *_: None)
    with pytest.raises(ModelError, match="No space left on device.*set BANTAM_CACHE to a folder with 300 MB"):
        load("smollm2-135m")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
def test_smollm2_is_converted_and_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BANTAM_CACHE", str(tmp_path))
    loaded = load("smollm2-135m", device="cpu")
    folder = tmp_path / f"smollm2-135m-{weights.GGUF_SHA256[:12]}"
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    assert not list(folder.glob("*.bin"))
    assert loaded.model.num_parameters() == pytest.approx(loaded.entry.parameters * 1e6, rel=0.01)
    asked = [{"role": "user", "content": "What is the capital of France? Answer with its name."}]
    assert "Paris" in decode(loaded, [prompt_ids(loaded.tokenizer, asked)], max_new_tokens=16)[0].text


@pytest.mark.slow
def test_smollm2_grounded_answers_from_evidence_and_refuses() -> None:
    check_grounded(load(catalog.LARGE, device="cpu"))


# bantam-reader


def test_the_reader_finds_a_span_where_it_stands(reader: Reader) -> None:
    contexts = [" ".join(evidence) for _, evidence, _, _ in CASES]
    for found, context, (_, _, expected, _) in zip(
        reader.read([case[0] for case in CASES], contexts), contexts, CASES, strict=True
    ):
        assert expected in found.text and context[found.start : found.end] == found.text
        assert found.probability > 0.5 > found.none


def test_the_reader_says_when_there_is_no_answer(reader: Reader) -> None:
    for question, context in (
        ("How tall was the tower?", " ".join(EVIDENCE)),
        ("Who?", ""),
        ("Who?", "\n \t"),
    ):
        found = reader.read([question], [context])[0]
        assert found.none > 0.5 > found.probability
    assert reader.read(["Who?"], [""])[0][:3] == ("", 0, 0)


def test_the_readers_answers_do_not_depend_on_what_is_read_beside_them(reader: Reader) -> None:
    questions = [case[0] for case in CASES] * 2
    contexts = [" ".join(case[1]) for case in CASES] + [f"{MOON} " * 12, EVIDENCE[0], MOON]
    together = reader.read(questions, contexts)
    for one, question, context in zip(together, questions, contexts, strict=True):
        alone = reader.read([question], [context])[0]
        assert (alone.text, alone.start, alone.end) == (one.text, one.start, one.end)
        assert (alone.probability, alone.none) == pytest.approx((one.probability, one.none), abs=1e-4)
    assert reader.read([], []) == []


def test_the_readers_probabilities_are_those_of_all_spans_counted_one_by_one(reader: Reader) -> None:
    """A plain loop over every span of at most 30 tokens, from the model's own logits."""
    import math

    import torch

    question, context = CASES[0][0], " ".join(CASES[0][1])
    encoded = reader.tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
    offsets, parts = encoded.pop("offset_mapping")[0].tolist(), encoded.sequence_ids(0)
    with torch.inference_mode():
        out = reader.model(**encoded)
    begin, finish = out.start_logits[0].tolist(), out.end_logits[0].tolist()
    places = [place for place, part in enumerate(parts) if part == 1]
    spans = {(a, b): begin[a] + finish[b] for a in places for b in places if a <= b < a + 30}
    total = sum(map(math.exp, spans.values())) + math.exp(begin[0] + finish[0])
    (first, last), best = max(spans.items(), key=lambda item: item[1])
    found = reader.read([question], [context])[0]
    assert (found.start, found.end) == (offsets[first][0], offsets[last][1])
    assert found.probability == pytest.approx(math.exp(best) / total, abs=1e-5)
    assert found.none == pytest.approx(math.exp(begin[0] + finish[0]) / total, abs=1e-5)
    starting = math.fsum(math.exp(score) / total for (place, _), score in spans.items() if place == first)
    assert found.within(found.start, found.start + 1) == pytest.approx(starting, abs=1e-5)
    assert found.within(0, len(context)) + found.none == pytest.approx(1, abs=1e-5)


def test_a_span_has_at_most_30_tokens() -> None:
    """With equal logits every span is as likely as "no answer": the probability tells how many there are."""
    import torch

    allowed = torch.tensor([False] * 5 + [True] * 40 + [False])
    spans = sum(40 - length + 1 for length in range(1, 31))
    found = _best(
        torch.zeros(46), torch.zeros(46), allowed, [(place, place + 1) for place in range(46)], "x" * 46
    )
    assert found.probability == found.none == pytest.approx(1 / (spans + 1))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60), st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_can_be_read(reader: Reader, question: str, context: str) -> None:
    found = reader.read([question], [context])[0]
    assert context[found.start : found.end] == found.text
    assert 0 <= found.probability <= 1 and 0 <= found.none <= 1


def test_the_reader_takes_questions_and_contexts_of_any_length(reader: Reader) -> None:
    """A question beyond the window raised an Exception of tokenizers, no question at all an IndexError."""
    found = reader.read(["who " * 1000, CASES[0][0]], ["word " * 1000, " ".join(EVIDENCE) + " word" * 1000])
    assert "1648" in found[1].text


def test_special_tokens_in_what_is_read_are_text(reader: Reader) -> None:
    encoded: list[Any] = []
    model = reader.model
    spy = Reader(
        reader.name,
        lambda **batch: encoded.append(batch) or model(**batch),
        reader.tokenizer,
        "cpu",
        reader.window,
    )
    spy.read(["Who [SEP] was it?"], ["[CLS] It was [MASK] Tom. [SEP] [PAD]"])
    ids = encoded[0]["input_ids"][0].tolist()
    sep, cls = reader.tokenizer.sep_token_id, reader.tokenizer.cls_token_id
    assert (ids.count(sep), ids.count(cls), reader.tokenizer.mask_token_id in ids) == (2, 1, False)


# the embedder


def test_vectors_have_length_one_and_equal_sentence_transformers_own(embedder: Embedder) -> None:
    import numpy as np
    from sentence_transformers import SentenceTransformer

    texts = [MOON, "", "é 日本 👩‍👩‍👧", "word " * 600, *EVIDENCE, MOON]
    ours = embedder.vectors(texts)
    assert ours.dtype == np.float32 and ours.shape == (len(texts), 384) and embedder.size == 384
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-5)
    other = SentenceTransformer(str(weights.embedder_folder()), device="cpu")
    theirs = np.stack([other.encode(text, normalize_embeddings=True) for text in texts])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(ours[0], ours[-1], atol=1e-6)
    assert embedder.vectors([]).shape == (0, 384)


def test_lengths_are_tokens_without_the_special_ones(embedder: Embedder) -> None:
    assert embedder.window == 256
    assert embedder.lengths(["", "The treaty was signed in 1648.", "word " * 600]) == [0, 7, 600]
    assert embedder.lengths([]) == []


@pytest.mark.parametrize("loader", ["embedder", "reader"])
def test_a_folder_that_is_no_such_model_is_refused(loader: str, tmp_path: Path) -> None:
    from engine.retrieval.embed import embedder

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=f"The {loader} .* cannot be loaded: .* Choose another"):
        {"embedder": embedder, "reader": load_reader}[loader](str(tmp_path))


def test_a_pickled_embedder_is_refused(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    from engine.retrieval.embed import embedder

    source = weights.embedder_folder()
    copied = shutil.copytree(source, tmp_path / "pickled")
    torch.save(SentenceTransformer(str(source))[0].model.state_dict(), copied / "pytorch_model.bin")
    (copied / "model.safetensors").rename(copied / "other.safetensors")
    with pytest.raises(ModelError, match="cannot be loaded"):
        embedder(str(copied))


def test_the_catalog_names_its_models_once_and_finds_them_by_name_and_by_hub_id() -> None:
    assert len({entry.name for entry in catalog.ENTRIES}) == len(catalog.ENTRIES)
    assert catalog.lookup("Qwen/Qwen3-4B") is catalog.lookup("qwen3-4b")
    assert catalog.names()[:3] == ["bantam-small", "smollm2-135m", "smollm2-135m-grounded"]
    made_up = catalog.lookup("someone/some-model")
    assert (made_up.source, made_up.hub_id, made_up.lora_targets) == ("hub", "someone/some-model", ())
    assert all(catalog.lookup(entry.base).source == "package" for entry in catalog.ENTRIES if entry.base)


def test_a_reader_of_another_architecture_reads_up_to_its_window(tmp_path: Path) -> None:
    """RoBERTa knows no token types (a KeyError), and its table of places holds two fewer than it says."""
    other = load_reader(str(tiny.roberta_reader(tmp_path)), "cpu")
    assert other.window == 64
    texts = ["The treaty was signed in 1648.", "It ended a long war. " * 40]
    for text, found in zip(texts, other.read(["When was the treaty signed?"] * 2, texts), strict=True):
        assert found.text and text[found.start : found.end] == found.text
        assert 0 < found.probability + found.none <= 1.0001
        assert found.within(0, len(text)) == pytest.approx(1 - found.none, abs=1e-4)
