"""Supervised fine-tuning of a LoRA adapter with TRL and PEFT, on rows already in tokens, the
loss on the answers only.

Resumes from its last checkpoint in `work`. Knows nothing of how rows were made.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import TrainingError
from engine.inference.model import Loaded
from engine.progress import Metric, Progress, Report, Stopped, silent
from engine.training.answers import answer_trainer
from engine.training.examples import Row

SAVED = 0.05  # a checkpoint after each such share of the steps: a killed run loses a twentieth at most


class LoraSpec(BaseModel):
    """What a LoRA SFT run is made of (Hu and others 2021, "LoRA", arXiv:2106.09685)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(16, ge=1, le=512, description="rank of the adapter's matrices")
    alpha: int = Field(32, ge=1, le=1024, description="scale: the update is multiplied by alpha / r")
    dropout: float = Field(0, ge=0, lt=1, description="share of adapter inputs dropped while training")
    learning_rate: float = Field(2e-4, gt=0, le=0.1, description="peak learning rate, cosine to zero")
    epochs: float = Field(1.0, gt=0, le=100, description="passes over the rows")
    max_length: int = Field(
        1024, ge=32, le=131072, description="longest row in tokens; longer rows are left out and counted"
    )
    batch: int = Field(16, ge=1, le=1024, description="rows per optimizer step")
    micro_batch: int = Field(8, ge=1, le=1024, description="rows computed at once; less needs less memory")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    seed: int = Field(0, ge=0, description="seed of shuffling, dropout and initial weights")


def train(
    loaded: Loaded,
    rows: Sequence[Row],
    spec: LoraSpec,
    work: Path,
    report: Report = silent,
    stopping: Callable[[], bool] = lambda: False,
) -> Path:
    """Train an adapter on `loaded` (not merged, as loaded by model.load) and return the folder that
    holds it (PEFT layout).

    The model is changed: load it anew to use it. Raises TrainingError when no row fits or
    the loss is not finite, and Stopped, with a checkpoint saved, when after a step `stopping` says so.
    """
    from transformers import PrinterCallback

    fitting = [row for row in rows if row.length <= spec.max_length]
    if not fitting:
        raise TrainingError(
            f"No training row fits {spec.max_length} tokens: raise max_length, or use fewer bullets."
        )
    micro = min(spec.micro_batch, spec.batch)
    ordered = order(fitting, spec.epochs, micro, spec.seed)
    config = _settings(loaded, spec, micro, work)
    trainer = answer_trainer()(
        model=loaded.model,
        args=config,
        train_dataset=_dataset(ordered),
        processing_class=loaded.tokenizer,
        peft_config=_adapter(loaded, spec),
        callbacks=[_callback(report, stopping)],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(work)
    if checkpoint:  # TRL counts tokens from zero again; the order of the rows is known
        done = int(checkpoint.name.split("-")[1]) * micro * config.gradient_accumulation_steps
        trainer._total_train_tokens = sum(row.length for row in ordered[:done])
    result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        raise Stopped
    if not math.isfinite(result.training_loss):
        raise TrainingError(
            f"The training loss is {result.training_loss}: lower the learning rate ({spec.learning_rate})."
        )
    final = work / "adapter"
    model: Any = trainer.model
    model.save_pretrained(str(final))
    return final


def _settings(loaded: Loaded, spec: LoraSpec, micro: int, work: Path) -> Any:
    """What TRL is told: rows in the order given, checkpoints in `work`, the loss of each step."""
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(work),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=max(1, spec.batch // micro),
        learning_rate=spec.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=spec.warmup,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        max_length=spec.max_length,
        completion_only_loss=True,
        gradient_checkpointing=recomputes(loaded.device.kind, loaded.model.num_parameters()),
        bf16=False,
        logging_steps=1,  # a mean over more would differ after a resume in the middle of them
        logging_nan_inf_filter=False,  # it would hide a loss that is no number, and the mean would be 0
        save_strategy="steps",
        save_steps=SAVED,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        dataloader_pin_memory=loaded.device.kind == "cuda",
        use_cpu=loaded.device.kind == "cpu",
        seed=spec.seed,
        dataset_num_proc=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def _adapter(loaded: Loaded, spec: LoraSpec) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=spec.r,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        target_modules=list(loaded.entry.lora_targets) or "all-linear",
        task_type="CAUSAL_LM",
    )


def recomputes(device: str, parameters: int) -> bool:
    """Whether activations are computed again in the backward pass instead of kept: slower, for models that
    would not fit otherwise."""
    return device == "cuda" and parameters > 500_000_000


def last_checkpoint(work: Path) -> Path | None:
    """The furthest whole checkpoint in `work`; what a killed run has half written lacks its last file.

    Not the newest folder: one that was being deleted, to make room for a further one, has just been changed.
    """
    whole = [file.parent for file in work.glob("checkpoint-*/trainer_state.json") if _is_json(file)]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def _is_json(file: Path) -> bool:
    """Whether the file is whole: a run may be killed while it writes it."""
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def order(rows: Sequence[Row], epochs: float, micro: int, seed: int) -> list[Row]:
    """The rows as they will be seen, `epochs` times: shuffled, then sorted by length within windows of 16
    micro-batches, whose order is shuffled again. A micro-batch holds rows of like length, so little is
    padding, and a step mixes kinds."""
    rng = random.Random(seed)
    seen: list[Row] = []
    count = max(1, round(len(rows) * epochs))
    while len(seen) < count:
        mixed = rng.sample(list(rows), len(rows))
        for start in range(0, len(mixed), 16 * micro):
            window = sorted(mixed[start : start + 16 * micro], key=lambda row: row.length)
            batches = [window[place : place + micro] for place in range(0, len(window), micro)]
            rng.shuffle(batches)
            seen += [row for batch in batches for row in batch]
    return seen[:count]


def _dataset(rows: Sequence[Row]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "input_ids": [row.prompt + row.completion for row in rows],
            "labels": [[-100] * len(row.prompt) + row.completion for row in rows],
        }
    )


def _callback(report: Report, stopping: Callable[[], bool]) -> Any:
    from transformers import TrainerCallback

    class Reporting(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            report(Progress("train", state.global_step, state.max_steps, "steps"))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            report(Progress("train", state.global_step, state.max_steps, "steps"))
            if state.global_step < state.max_steps and stopping():
                control.should_save = control.should_training_stop = True

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
        ) -> None:
            for name in ("loss", "learning_rate", "grad_norm", "num_tokens"):
                if logs and name in logs:
                    report(Metric(name, state.global_step, float(logs[name])))

    return Reporting()


def usual_rate(parameters: float) -> float:
    """A peak learning rate for LoRA SFT of a model of that many millions of parameters: small
    models take larger ones."""
    return 5e-4 if parameters and parameters < 50 else 8e-4 if parameters and parameters < 500 else 2e-4


def usual_batch(parameters: float) -> int:
    """Rows per optimizer step: a few hundred rows make too few steps of 16 for a model that learns the task
    from them."""
    return 16 if 0 < parameters < 50 else 8


def usual_micro_batch(parameters: float, device: str) -> int:
    """Rows computed at once. Off the GPU memory is short, and more at once save no time: eight rows of 400
    tokens keep 10 GB of activations in a model of 135 million parameters."""
    return 8 if device == "cuda" or 0 < parameters < 50 else 2


def precision(name: str, device: str | None) -> Any:
    """The number format of the frozen weights while training: what the device serves a large model with,
    which makes a CPU's steps 1.4 times as fast for bantam-small too; float32 for tiny models on Apple's GPU,
    whose float16 overflows where bfloat16 does not."""
    import torch

    from engine import catalog
    from engine.device import dtype, pick

    chosen, parameters = pick(device), catalog.lookup(name).parameters
    if chosen.kind == "mps" and 0 < parameters < 50:
        return torch.float32
    return dtype(chosen, 1_000_000_000)
