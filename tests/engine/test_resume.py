"""A run that is killed (SIGKILL, in a process of its own) goes on as if it had not been: every loss, learning
rate and gradient norm, and the adapter, are those of an unbroken run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CODE = """
import json, os, signal, sys
from pathlib import Path
import torch
from engine.inference.model import load
from engine.inference.prompt import answer_messages, answer_text, completion_ids, prompt_ids
from engine.progress import Metric, Progress
from engine.training.examples import Row
from engine.training.sft import LoraSpec, train
from tests.corpus import QUESTIONS

folder, work, deadly = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
loaded = load(folder, device="cpu", merge=False, precision=torch.float32)
rows = []
for number, question in enumerate(QUESTIONS):
    evidence = [question.evidence] if number % 2 else []
    said = answer_text(question.answers[0], 1 if evidence else None)
    prompt = prompt_ids(loaded.tokenizer, answer_messages(question.question, evidence))
    rows.append(Row(prompt, completion_ids(loaded.tokenizer, said), "grounded"))

def report(one):
    if isinstance(one, Metric):
        print(json.dumps([one.name, one.step, one.value]), flush=True)
    if isinstance(one, Progress):
        print(json.dumps(["progress", one.done, one.total]), flush=True)
        if one.done == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

spec = LoraSpec(r=4, alpha=8, dropout=0.1, learning_rate=0.02, epochs=10, batch=4, micro_batch=2, seed=3)
train(loaded, rows, spec, work, report)
"""
COMPARED = ("loss", "learning_rate", "grad_norm", "num_tokens")


def run(folder: Path, work: Path, deadly: int = -1) -> tuple[int, list[list[Any]]]:
    """Exit status and what was reported, of a run in its own process that kills itself at a step."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder), str(work), str(deadly)],
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert said, done.stderr[-2000:]
    return done.returncode, said


def curves(said: list[list[Any]]) -> dict[tuple[str, int], float]:
    return {(name, step): value for name, step, value in said if name in COMPARED}


@pytest.mark.slow
def test_a_killed_run_has_the_losses_of_an_unbroken_one(
    tiny_model: Callable[[str], Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    folder = tiny_model("smollm2")
    status, unbroken = run(folder, tmp_path / "unbroken")
    assert status == 0
    steps = max(step for name, step, _ in unbroken if name == "loss")
    assert steps == 20
    broken = tmp_path / "broken"
    status, before = run(folder, broken, deadly=13)
    assert status == -signal.SIGKILL and not (broken / "adapter").exists()
    status, after = run(folder, broken)
    assert status == 0
    resumed = next(step for name, step, _ in after if name == "progress")
    assert resumed == 12, "the last checkpoint is one step back: each step is a twentieth"
    assert [step for name, step, _ in after if name == "progress"] == list(range(12, steps + 1))
    whole, first, second = curves(unbroken), curves(before), curves(after)
    assert set(first) | set(second) == set(whole)
    assert min(step for _, step in second) == resumed + 1
    for part in (first, second):
        for place, value in part.items():
            assert value == pytest.approx(whole[place], rel=1e-5, abs=1e-8), place
    losses = [value for (name, _), value in whole.items() if name == "loss"]
    assert losses[-1] < losses[0] - 2 and len(set(losses)) == steps, "a curve that tells runs apart"
    one, other = (
        load_file(tmp_path / place / "adapter/adapter_model.safetensors") for place in ("unbroken", "broken")
    )
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-6
