"""Evaluate: answer the test questions in several arms, keep every answer with its trace, score them.

Goes on with the arms that are not answered yet. The threshold of each arm with evidence is chosen on dev.
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from engine.artifact import read_manifest, whole, writing
from engine.catalog import LARGE, SMALL
from engine.errors import ConfigError
from engine.evaluation.harness import ArmResult, Remembered, run_arm
from engine.evaluation.scoring import Row, summarize
from engine.inference.orchestrator import AnswerSpec, Parts
from engine.progress import Metric
from engine.retrieval import index as indexes
from jobs.kinds.fields import (
    Adapter,
    Bullets,
    Dataset,
    Device,
    Frozen,
    Index,
    K,
    choose,
    unit,
)
from jobs.material import Asked, asked, check_unseen
from jobs.opened import model_of
from jobs.references import find, find_index
from jobs.results import read_arm, restore_read, save_arm, save_read
from jobs.running import Job
from jobs.specs import ARMS, FOUR, arms_of
from jobs.workspace import artifact, home, key, under_home
from storage import answers

TITLE = "Evaluate"
ABOUT = "answer the test questions in several arms and score them"
MAKES = "evaluation"
CLOSED_BOOK = ("baseline", "lora")


class Spec(Frozen):
    """What to answer with."""

    dataset: Dataset
    index: Index = ""
    questions: str = Field(
        "",
        description="written questions, for a dataset that has none of its own to test with",
        json_schema_extra=choose("questions"),
    )
    adapter: Adapter = ""
    small: str = Field(SMALL, description="the small model", json_schema_extra=choose("model"))
    large: str = Field(
        LARGE,
        description="the large model, which answers in the arm `large`",
        json_schema_extra=choose("model"),
    )
    arms: str = Field(
        ",".join(FOUR),
        description=f"rows of the table, of {', '.join(ARMS)}; `...` stands for the usual four",
        json_schema_extra=choose("arms"),
    )
    bullets: Bullets = 6
    k: K = 3
    timed: int = Field(
        30,
        ge=1,
        le=10_000,
        description="test questions that are timed one by one",
        json_schema_extra=unit("questions"),
    )
    device: Device = "auto"

    @field_validator("arms")
    @classmethod
    def _known(cls, value: str) -> str:
        arms_of(value)
        return value


def run(job: Job) -> str:
    """Answer in every arm; models are loaded once each, one at a time. The answers are read back from their
    files before they count as made."""
    spec: Spec = job.spec
    arms = arms_of(spec.arms)
    source = find(job.db, "dataset", spec.dataset)
    written = find(job.db, "questions", spec.questions) if spec.questions else None
    adapter = find(job.db, "adapter", spec.adapter) if spec.adapter else None
    if adapter is None and any(model_of(arm) == "adapter" for arm in arms):
        raise ConfigError(f"The arms {spec.arms} need an adapter: name one, or leave out those with LoRA.")
    sets = asked(source, written)
    like = check_unseen(adapter, sets.test, source) if adapter is not None else 0
    index_place = find_index(job.db, spec.index, source)
    knobs = spec.model_dump(exclude={"dataset", "index", "questions", "adapter"})
    names = [place and place.name for place in (source, index_place, written, adapter)]
    identity = key("evaluation", job.id, knobs, names)
    place, work = artifact(MAKES, identity), home() / "work" / identity
    if job.claim is not None and whole(place):  # made, and the process killed before it could say so
        shutil.rmtree(work, ignore_errors=True)
        work = place
    results = _answer(job, arms, sets, index_place, adapter, work)
    manifest = {
        "kind": MAKES,
        "job": job.id,
        "spec": spec.model_dump(),
        "dataset": source.name,
        "index": index_place.name,
        "questions": written.name if written else None,
        "adapter": adapter.name if adapter else None,
        "arms": {arm: served(spec, arm, results[arm]) for arm in arms},
    }
    if work != place:
        with writing(place, manifest) as folder:
            for arm in arms:
                save_arm(folder, arm, results[arm])
    again = {arm: read_arm(place, arm) for arm in arms}
    for row in table_of({arm: result for arm, result in again.items() if result is not None}):
        for name, value in dataclasses.asdict(row).items():
            if isinstance(value, float):
                job.report(Metric(f"{row.arm}/{name}", 0, value))
    if work != place:
        shutil.rmtree(work, ignore_errors=True)
    seen = f"; {like} of them are like one that the adapter was trained on" if like else ""
    job.say(f"{len(sets.test)} test questions in {len(arms)} arms{seen}")
    return under_home(place)


def arm_spec(spec: Any, arm: str) -> AnswerSpec:
    """How an arm answers."""
    if arm in CLOSED_BOOK:
        return AnswerSpec(evidence=False)
    return AnswerSpec(compress="compress" in arm or arm == "large", k=spec.k, bullets=spec.bullets)


def served(spec: Any, arm: str, result: ArmResult) -> dict[str, Any]:
    """What serving an arm has to match."""
    threshold = result.threshold and result.threshold._asdict()
    calibration = result.calibration and result.calibration.model_dump()
    answer = arm_spec(spec, arm).model_dump()
    return {"answer": answer, "threshold": threshold, "calibration": calibration}


def table_of(results: dict[str, ArmResult]) -> list[Row]:
    """The table's rows, one an arm."""
    return summarize(
        {ARMS[arm]: result.scored for arm, result in results.items()},
        {ARMS[arm]: result.timed for arm, result in results.items()},
    )


def _answer(
    job: Job, arms: list[str], sets: Asked, index_place: Path, adapter: Path | None, work: Path
) -> dict[str, ArmResult]:
    from engine.inference.extract import reader

    spec: Spec = job.spec
    work.mkdir(parents=True, exist_ok=True)
    index, read = indexes.load(index_place), reader(device=job.device)
    remembered = Remembered(read)
    restore_read(work, remembered)
    results: dict[str, ArmResult] = {}
    for model in ("small", "adapter", "large"):
        loaded = None
        for arm in (arm for arm in arms if model_of(arm) == model):
            result = read_arm(work, arm)
            if result is None:
                loaded = loaded or _load(job, model, adapter, index)
                result = run_arm(
                    Parts(loaded, index, read),
                    arm_spec(spec, arm),
                    sets.dev,
                    sets.test,
                    timed=spec.timed,
                    remembered=remembered,
                    report=job.report,
                )
                save_read(work, remembered)
                save_arm(work, arm, result)
            results[arm] = result
            _keep(job, arm, result)
        del loaded
    answers.keep_only(job.db, job.id, [ARMS[arm] for arm in arms])
    return results


def _load(job: Job, model: str, adapter: Path | None, index: Any) -> Any:
    from engine.inference.model import load
    from engine.training.adapters import check

    spec: Spec = job.spec
    if model == "large":
        return load(spec.large, device=job.device, report=job.report)
    mine = adapter if model == "adapter" else None
    if mine is not None and (base := read_manifest(mine).get("base")) != spec.small:
        raise ConfigError(
            f"The adapter {mine.name} was trained for {base!r} and the small model is {spec.small!r}: "
            "evaluate them together, or train another adapter."
        )
    loaded = load(spec.small, adapter=mine, device=job.device, report=job.report)
    if mine is not None:
        check(mine, loaded, index)
    return loaded


def _keep(job: Job, arm: str, result: ArmResult) -> None:
    answers.record(
        job.db,
        job.id,
        ARMS[arm],
        [
            {
                "question_id": one.question.id,
                "question": one.question.question,
                "golds": one.question.answers,
                "answer": one.trace.answer.text,
                "refused": one.trace.answer.refused,
                "em": one.em,
                "f1": one.f1,
                "accuracy": one.accuracy,
                "citation_ok": one.citation,
                "prompt_tokens": one.trace.prompt_tokens,
                "output_tokens": one.trace.output_tokens,
                "trace": one.trace,
            }
            for one in result.scored
        ],
    )
