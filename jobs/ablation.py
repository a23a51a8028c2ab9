"""The last stages of an experiment: answer the test questions in every arm, keep the answers, report."""

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

from engine.artifact import writing
from engine.evaluation.harness import ArmResult, Remembered, run_arm
from engine.evaluation.report import sentences, table, write_report
from engine.evaluation.scoring import Row, summarize
from engine.inference.orchestrator import AnswerSpec, Parts
from engine.progress import Metric
from jobs.experiment import Experiment
from jobs.opened import write_questions
from jobs.specs import ARMS
from jobs.workspace import artifact

CLOSED_BOOK = ("baseline", "lora")
HARM = "LoRA+RAG+Compress", "RAG+Compress"


def evaluate(experiment: Experiment, arms: list[str]) -> dict[str, ArmResult]:
    """Answer in every arm; models are loaded once each, and one at a time."""
    from engine.inference.extract import reader

    console = experiment.console
    console.begin("answer")
    read = reader(device=experiment.device)
    remembered = Remembered(read)
    results: dict[str, ArmResult] = {}
    for model in ("small", "adapter", "large"):
        mine = [arm for arm in arms if _model(arm) == model]
        if not mine:
            continue
        loaded = _load(experiment, model)
        parts = Parts(loaded, experiment.index, read)
        for arm in mine:
            result = run_arm(
                parts,
                arm_spec(experiment, arm),
                experiment.dev,
                experiment.test,
                timed=experiment.spec.timed,
                remembered=remembered,
                report=console,
            )
            results[arm] = result
            _keep(experiment, arm, result)
        del loaded, parts
    _forget_others(experiment, arms)
    console.end(f"{len(experiment.test)} test questions in {len(arms)} arms")
    return {arm: results[arm] for arm in arms}


def arm_spec(experiment: Experiment, arm: str) -> AnswerSpec:
    """How an arm answers."""
    spec = experiment.spec
    if arm in CLOSED_BOOK:
        return AnswerSpec(evidence=False)
    return AnswerSpec(compress="compress" in arm or arm == "large", k=spec.k, bullets=spec.bullets)


def report(experiment: Experiment, results: dict[str, ArmResult]) -> dict[str, Any]:
    """Write the report into the experiment's folder, whole, and return what the command line prints."""
    experiment.console.begin("report")
    rows = summarize(
        {ARMS[arm]: result.scored for arm, result in results.items()},
        {ARMS[arm]: result.timed for arm, result in results.items()},
    )
    place = artifact("experiment", experiment.name)
    title = f"Bantam: {experiment.name}"
    with writing(place, _manifest(experiment, results)) as folder:
        write_questions(folder, experiment.dev + experiment.test)
        write_report(
            folder / "report",
            title,
            rows,
            notes=_notes(experiment, results, rows),
            facts=_facts(experiment),
            command=_command(experiment),
        )
    for row in rows:
        for name, value in dataclasses.asdict(row).items():
            if isinstance(value, float):
                experiment.console(Metric(f"{row.arm}/{name}", 0, value))
    experiment.console.end("written")
    return {
        "name": experiment.name,
        "rows": [dataclasses.asdict(row) for row in rows],
        "table": table(rows),
        "sentences": [*sentences(rows), *_notes(experiment, results, rows)[:1]],
        "report": str(place / "report"),
    }


def _model(arm: str) -> str:
    return "adapter" if arm.startswith("lora") else "large" if arm == "large" else "small"


def _load(experiment: Experiment, model: str) -> Any:
    from engine.inference.model import load
    from engine.training.adapters import check

    spec = experiment.spec
    if model == "large":
        return load(spec.large, device=experiment.device, report=experiment.console)
    adapter = experiment.adapter if model == "adapter" else None
    loaded = load(spec.small, adapter=adapter, device=experiment.device, report=experiment.console)
    if adapter is not None:
        check(adapter, loaded, experiment.index)
    return loaded


def _keep(experiment: Experiment, arm: str, result: ArmResult) -> None:
    from storage import answers

    answers.record(
        experiment.db,
        experiment.job,
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


def _manifest(experiment: Experiment, results: dict[str, ArmResult]) -> dict[str, Any]:
    return {
        "kind": "experiment",
        "name": experiment.name,
        "job": experiment.job,
        "spec": experiment.spec.model_dump(),
        "index": experiment.index_place.name if experiment.index_place else None,
        "adapter": experiment.adapter.name if experiment.adapter else None,
        "arms": {arm: _served(experiment, arm, result) for arm, result in results.items()},
    }


def _forget_others(experiment: Experiment, arms: list[str]) -> None:
    """An earlier run of this name may have had other arms: the answers kept under the job are this run's."""
    from storage import answers

    answers.keep_only(experiment.db, experiment.job, [ARMS[arm] for arm in arms])


def _served(experiment: Experiment, arm: str, result: ArmResult) -> dict[str, Any]:
    threshold = result.threshold and result.threshold._asdict()
    return {"answer": arm_spec(experiment, arm).model_dump(), "threshold": threshold}


def _notes(experiment: Experiment, results: dict[str, ArmResult], rows: list[Row]) -> list[str]:
    notes = [_harm(rows)] if {row.arm for row in rows} >= set(HARM) else []
    for arm, result in results.items():
        if result.threshold and result.threshold.refused is not None:
            one = result.threshold
            notes.append(
                f"{ARMS[arm]}: tau {one.tau:.3f} was chosen on the dev split, where it gives F1 "
                f"{100 * one.f1:.1f} and refuses {100 * (one.refused or 0):.0f} % of the questions without "
                "an answer."
            )
    if experiment.synthesis:
        made = experiment.synthesis
        reasons = sorted((reason, count) for reason, count in made["counts"].items() if reason != "kept")
        dropped = ", ".join(f"{reason} {count}" for reason, count in reasons) or "none"
        notes.append(f"Training questions: {made['counts'].get('kept', 0)} kept; dropped: {dropped}.")
    lost = experiment.corpus.rejected
    for each in lost[:50]:
        notes.append(
            f"Not read: {each.file}" + (f", row {each.row}" if each.row else "") + f": {each.reason}"
        )
    return notes


def _harm(rows: list[Row]) -> str:
    """Whether the adapter harms grounded answers or refusals, in one sentence."""
    by = {row.arm: row for row in rows}
    tuned, plain = by[HARM[0]], by[HARM[1]]
    worse = []
    if tuned.f1 is not None and plain.f1 is not None and tuned.f1 < plain.f1:
        worse.append(f"F1 {tuned.f1:.1f} against {plain.f1:.1f}")
    if (tuned.unanswerable_refused or 0) < (plain.unanswerable_refused or 0):
        worse.append(f"refused {tuned.unanswerable_refused:.0f} % against {plain.unanswerable_refused:.0f} %")
    if worse:
        return f"The adapter harms grounded answers here: with evidence, {' and '.join(worse)} without it."
    return "With evidence, the adapter costs neither F1 nor refusals here."


def _facts(experiment: Experiment) -> dict[str, str]:
    from engine.device import pick

    where = pick(experiment.device)
    asked = [question for question in experiment.test if question.answerable]
    return {
        "Machine": f"{where.label} ({where.kind})",
        "Small model": experiment.spec.small,
        "Large model": experiment.spec.large,
        "Documents": f"{len(experiment.corpus.documents)}, in {experiment.index.manifest['chunks']} chunks",
        "Test questions": f"{len(asked)} answerable, {len(experiment.test) - len(asked)} not"
        + ("" if experiment.corpus.questions else "; written by a model, held out from training"),
        "Latency": f"{min(experiment.spec.timed, len(experiment.test))} test questions one at a time after "
        "warm-up; all other numbers from batches",
    }


def _command(experiment: Experiment) -> str:
    spec = experiment.spec.model_dump()
    fields = type(experiment.spec).model_fields
    changed = {name: value for name, value in spec.items() if value != fields[name].default}
    options = "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in changed.items()
    )
    return f"{Path(sys.executable).name} -m jobs quickstart{options}"
