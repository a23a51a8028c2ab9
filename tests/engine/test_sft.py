"""A real run on a tiny Llama: the loss is on answers only, an interrupted run ends as if it had not been."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.errors import TrainingError
from engine.inference.model import Loaded, load
from engine.inference.prompt import answer_messages, answer_text, completion_ids, prompt_ids
from engine.progress import Metric, Progress, Stopped
from engine.training.examples import Row
from engine.training.sft import (
    LoraSpec,
    order,
    precision,
    recomputes,
    train,
    usual_batch,
    usual_rate,
)
from tests.corpus import QUESTIONS

SPEC = LoraSpec(r=4, alpha=8, dropout=0.1, learning_rate=0.02, epochs=2, batch=2, micro_batch=2, seed=3)


@pytest.fixture(scope="module")
def folder(tiny_model: Callable[[str], Path]) -> Path:
    return tiny_model("smollm2")


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[Row]:
    """Eight rows of different lengths, with evidence and without."""
    tokenizer = fresh(folder).tokenizer
    made = []
    for number, question in enumerate(QUESTIONS):
        evidence = [question.evidence] if number % 2 else []
        said = answer_text(question.answers[0], 1 if evidence else None)
        prompt = prompt_ids(tokenizer, answer_messages(question.question, evidence))
        made.append(Row(prompt, completion_ids(tokenizer, said), "grounded"))
    return made


@pytest.fixture(scope="module")
def trained(
    folder: Path, rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Any]]:
    said: list[Any] = []
    return train(fresh(folder), rows, SPEC, tmp_path_factory.mktemp("work"), said.append), said


def fresh(folder: Path) -> Loaded:
    import torch

    return load(str(folder), device="cpu", merge=False, precision=torch.float32)


def weights(adapter: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(adapter / "adapter_model.safetensors")


def furthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest difference between two adapters' weights."""
    assert one.keys() == other.keys()
    return max(float((tensor - other[name]).abs().max()) for name, tensor in one.items())


def loss(loaded: Loaded, rows: Sequence[Row]) -> float:
    """Mean negative log-probability of the completions' tokens, one row at a time,
    without padding or labels."""
    import torch

    total = 0.0
    for row in rows:
        with torch.inference_mode():
            logits = loaded.model(input_ids=torch.tensor([row.prompt + row.completion])).logits[0].double()
        at = range(len(row.prompt) - 1, row.length - 1)
        scores = torch.log_softmax(logits[list(at)], -1)
        total -= sum(float(scores[i, token]) for i, token in enumerate(row.completion))
    return total / sum(len(row.completion) for row in rows)


def seen_by(loaded: Loaded) -> list[dict[str, Any]]:
    """The batches that the model will be given: its own arguments, kept as they come."""
    batches: list[dict[str, Any]] = []

    def keep(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if module.training:
            batches.append(kwargs)

    loaded.model.register_forward_pre_hook(keep, with_kwargs=True)
    return batches


def given(batches: Sequence[dict[str, Any]]) -> list[list[int]]:
    """The rows in the batches, without padding."""
    return [
        [token for token, real in zip(ids, mask, strict=True) if real]
        for batch in batches
        for ids, mask in zip(batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True)
    ]


def test_the_loss_is_on_the_completions_only(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    """At a learning rate of next to nothing each step's loss is the model's own on the
    completions, counted here."""
    loaded = fresh(folder)
    expected = loss(loaded, rows)
    everything = [Row(row.prompt[:1], row.prompt[1:] + row.completion, row.kind) for row in rows]
    assert abs(loss(loaded, everything) - expected) > 0.1, "the prompts' tokens would not be noticed"
    said: list[Any] = []
    spec = LoraSpec(r=2, dropout=0, learning_rate=1e-12, epochs=5, batch=8, micro_batch=4)
    train(loaded, rows, spec, tmp_path, said.append)
    logged = [one.value for one in said if isinstance(one, Metric) and one.name == "loss"]
    assert logged == pytest.approx([expected] * 5, rel=1e-4)


def test_scores_are_computed_where_answers_stand_and_nowhere_else(
    folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    """Scores of every word at every token of a prompt were most of the memory of a run."""
    loaded = fresh(folder)
    batches = seen_by(loaded)
    train(loaded, rows, SPEC.model_copy(update={"epochs": 1.0}), tmp_path)
    starts = {(*row.prompt, *row.completion): len(row.prompt) - 1 for row in rows}
    for batch in batches:
        wanted: set[int] = set()
        for ids, mask in zip(batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True):
            row = tuple(token for token, real in zip(ids, mask, strict=True) if real)
            wanted |= set(range(starts[row], len(row) - 1))
        assert batch["logits_to_keep"].tolist() == sorted(wanted)
        assert batch.get("labels") is None
    assert len(batches) == len(rows) / SPEC.micro_batch


def test_every_row_is_seen_whole_as_often_as_there_are_epochs(
    folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    loaded = fresh(folder)
    batches = seen_by(loaded)
    train(loaded, rows, SPEC, tmp_path)
    assert sorted(given(batches)) == sorted([row.prompt + row.completion for row in rows] * 2)


def test_the_adapter_is_saved_and_changes_what_is_said_when_it_is_loaded_again(
    folder: Path, rows: list[Row], trained: tuple[Path, list[Any]]
) -> None:
    place, _ = trained
    assert {file.name for file in place.iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
    assert not list(place.glob("*.bin")) and not list(place.glob("*.pt"))
    before, after = load(str(folder), device="cpu"), load(str(folder), adapter=place, device="cpu")
    assert loss(after, rows) < loss(before, rows) - 0.5
    assert all(tensor.isfinite().all() for tensor in weights(place).values())


def test_it_reports_every_step_and_its_numbers(trained: tuple[Path, list[Any]]) -> None:
    said = trained[1]
    steps = [one for one in said if isinstance(one, Progress)]
    assert steps == [Progress("train", step, 8, "steps") for step in range(9)]
    names = {one.name for one in said if isinstance(one, Metric)}
    assert {"loss", "learning_rate", "grad_norm"} <= names
    assert all(math.isfinite(one.value) for one in said if isinstance(one, Metric))


class Killed(Exception):
    """What stands for a process that ends in the middle."""


def stop_at(step: int, said: list[Any]) -> Callable[[Any], None]:
    def report(one: Any) -> None:
        said.append(one)
        if isinstance(one, Progress) and one.done == step:
            raise Killed

    return report


def test_a_run_that_was_interrupted_goes_on_to_the_same_adapter(
    folder: Path, rows: list[Row], trained: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        train(fresh(folder), rows, SPEC, tmp_path, stop_at(5, []))
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-4"]
    assert not (tmp_path / "adapter").exists()
    said: list[Any] = []
    place = train(fresh(folder), rows, SPEC, tmp_path, said.append)
    assert [one.done for one in said if isinstance(one, Progress)] == [4, 5, 6, 7, 8]
    assert furthest(weights(trained[0]), weights(place)) < 1e-6
    finished = train(fresh(folder), rows, SPEC, tmp_path)
    assert furthest(weights(trained[0]), weights(finished)) < 1e-6


def test_a_run_that_is_asked_to_stop_saves_first_and_goes_on_to_the_same_adapter(
    folder: Path, rows: list[Row], trained: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    said: list[Any] = []
    with pytest.raises(Stopped):
        train(fresh(folder), rows, SPEC, tmp_path, said.append, lambda: said[-1].done == 3)
    assert (tmp_path / "checkpoint-3" / "trainer_state.json").is_file()
    again: list[Any] = []
    adapter = train(fresh(folder), rows, SPEC, tmp_path, again.append)
    assert next(one.done for one in again if isinstance(one, Progress)) == 3
    assert furthest(weights(adapter), weights(trained[0])) < 1e-6


def test_a_checkpoint_that_was_not_finished_is_passed_over(
    folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    """Killed while it writes the next one: trainer_state.json comes last, and the one
    before is still there."""
    with pytest.raises(Killed):
        train(fresh(folder), rows, SPEC, tmp_path, stop_at(3, []))
    half = tmp_path / "checkpoint-4"
    half.mkdir()
    (half / "adapter_model.safetensors").write_bytes(b"half")
    said: list[Any] = []
    train(fresh(folder), rows, SPEC, tmp_path, said.append)
    assert next(one.done for one in said if isinstance(one, Progress)) == 2


def test_the_seed_alone_decides(
    folder: Path, rows: list[Row], trained: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(99)
        again = train(fresh(folder), rows, SPEC, tmp_path / "again")
        other = train(fresh(folder), rows, SPEC.model_copy(update={"seed": 4}), tmp_path / "other")
    first = weights(trained[0])
    assert all(tensor.equal(first[name]) for name, tensor in weights(again).items())
    assert not all(tensor.equal(first[name]) for name, tensor in weights(other).items())


def test_micro_batches_need_less_memory_and_change_no_step(
    folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    """All rows in one step, at once or two by two: the same update."""
    made = []
    for micro in (8, 2):
        spec = LoraSpec(r=4, dropout=0, learning_rate=0.01, epochs=1, batch=8, micro_batch=micro, warmup=0)
        made.append(weights(train(fresh(folder), rows, spec, tmp_path / str(micro))))
    assert furthest(*made) < 1e-4


def test_rows_that_do_not_fit_are_left_out_whole(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    lengths = sorted(row.length for row in rows)
    loaded = fresh(folder)
    batches = seen_by(loaded)
    spec = SPEC.model_copy(update={"max_length": lengths[3], "epochs": 1.0})
    train(loaded, rows, spec, tmp_path)
    kept = [row.prompt + row.completion for row in rows if row.length <= lengths[3]]
    assert len(kept) == 4
    assert sorted(given(batches)) == sorted(kept)


@pytest.mark.parametrize("fit", [0, 1])
def test_where_nothing_fits_it_is_said_before_anything_is_made(
    folder: Path, rows: list[Row], tmp_path: Path, fit: int
) -> None:
    work = tmp_path / "work"
    with pytest.raises(TrainingError, match="No training row fits 32 tokens: raise max_length"):
        train(fresh(folder), rows[: fit * 8], LoraSpec(max_length=32), work)
    assert not work.exists()


def test_a_loss_that_is_no_number_is_an_error(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    """The trainer hides such losses unless it is told not to: the run ended with a loss of 0."""
    import torch

    loaded = fresh(folder)
    with torch.no_grad():
        next(loaded.model.parameters()).fill_(math.nan)
    with pytest.raises(TrainingError, match=r"loss is nan: lower the learning rate \(0\.02\)"):
        train(loaded, rows, SPEC, tmp_path)


@pytest.mark.parametrize(("epochs", "count"), [(1.0, 50), (2.0, 100), (0.5, 25), (2.5, 125), (0.001, 1)])
def test_the_order_holds_every_row_once_an_epoch(epochs: float, count: int) -> None:
    made = [Row([number] * (number % 9), [1], "grounded") for number in range(50)]
    seen = order(made, epochs, 4, seed=1)
    assert len(seen) == count
    for start in range(0, count - 49, 50):
        assert sorted(map(repr, seen[start : start + 50])) == sorted(map(repr, made))
    assert seen == order(made, epochs, 4, seed=1)
    assert count < 25 or seen != order(made, epochs, 4, seed=2)


def test_rows_of_like_length_go_together() -> None:
    """Of 64 rows in micro-batches of 4, the padding is a small part of what it is in any order."""
    made = [Row([1] * (number * 7 % 64), [1], "grounded") for number in range(64)]

    def padding(rows: Sequence[Row]) -> int:
        batches = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        return sum(
            max(row.length for row in batch) * len(batch) - sum(r.length for r in batch) for batch in batches
        )

    seen = order(made, 1, 4, seed=0)
    assert padding(seen) < padding(made) / 5
    assert seen != sorted(made, key=lambda row: row.length)


@pytest.mark.parametrize(
    "wrong", [{"r": 0}, {"dropout": 1}, {"learning_rate": 0}, {"epochs": 0}, {"max_length": 31}, {"rank": 4}]
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LoraSpec(**wrong)


def test_what_is_usual_for_a_size() -> None:
    assert usual_batch(8.5) > usual_batch(135)
    assert usual_rate(135) > usual_rate(8.5) > usual_rate(4000) == usual_rate(0)
    assert recomputes("cuda", 600_000_000) and not recomputes("cuda", 135_000_000)
    assert not recomputes("cpu", 600_000_000)


def test_training_is_in_half_precision_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    for name in ("bantam-small", "smollm2-135m"):
        monkeypatch.setattr("engine.device.cpu_multiplies_bf16", lambda: True)
        assert precision(name, "cpu") == torch.bfloat16
        monkeypatch.setattr("engine.device.cpu_multiplies_bf16", lambda: False)
        assert precision(name, "cpu") == torch.float32
