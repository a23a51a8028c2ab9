"""Ablation: documents in, the table out. A job made of jobs: import, index, synthesize, train, evaluate; its
own work is the report.
"""

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest, writing
from engine.data import dataset
from engine.data.records import Rejected
from engine.errors import ArtifactError
from engine.evaluation.harm import adapter_sentence
from engine.evaluation.harness import ArmResult
from engine.evaluation.report import sentences, table, write_report
from engine.evaluation.scoring import Difference, Row, difference
from engine.evaluation.timing import Timing, timings
from engine.progress import Metric
from jobs.kinds import Part
from jobs.kinds.evaluate import table_of
from jobs.material import Asked, asked
from jobs.opened import write_questions
from jobs.results import read_arm
from jobs.running import Job
from jobs.specs import ARMS, QuickstartSpec, arms_of
from jobs.workspace import artifact, checked_name, under_home

TITLE = "Ablation"
ABOUT = "a whole experiment: from documents to the table of all arms"
MAKES = "experiment"
DEVICE = False
TRAINED = "fact,number,why"  # those without an answer are made of these by withholding their evidence
WITH_EVIDENCE = "lora+rag+compress", "rag+compress"  # with the adapter, without it
Spec = QuickstartSpec


def plan(spec: QuickstartSpec, name: str) -> list[Part]:
    """The jobs an experiment is made of, in order. Without an arm that needs it nothing is trained, and
    without training or a need of test questions none are written."""
    arms = spec.rows()
    parts = [
        Part("import", _of(spec, "documents", "questions", "seed") | {"name": name}),
        Part("index", _of(spec, "device"), {"dataset": "import"}),
        Part(
            "synthesize",
            _of(spec, "writer", "target", "write_seconds", "k", "device", "seed") | {"kinds": TRAINED},
            {"dataset": "import", "index": "index"},
        ),
    ]
    source = {"dataset": "import", "index": "index", "questions": "synthesize"}
    if any(arm.startswith("lora") for arm in arms):
        knobs = ("small", "r", "learning_rate", "epochs", "bullets", "k", "device", "seed")
        parts.append(Part("train", _of(spec, *knobs), source))
        source = source | {"adapter": "train"}
    asked_of = _of(spec, "small", "large", "arms", "bullets", "k", "timed", "device")
    return [*parts, Part("evaluate", asked_of, source)]


def run(job: Job) -> str:
    """Write the report into the experiment's folder, whole, from what the other jobs made."""
    evaluation = job.made["evaluate"]
    found = read_manifest(evaluation)
    results = {arm: _arm(evaluation, arm) for arm in arms_of(found["spec"]["arms"])}
    source = artifact("dataset", found["dataset"])
    written = artifact("questions", found["questions"]) if found["questions"] else None
    sets, lost = asked(source, written), dataset.read_records(source / dataset.REJECTED, Rejected)
    rows, gain = table_of(results), adapter_gain(results)
    place = artifact(MAKES, checked_name(job.name))
    also, times = _adapter(rows, gain), _times(results)
    shown = {"adapter_gain": also, "timings": [time._asdict() for time in times]}
    manifest = _manifest(job, evaluation, found) | shown
    with writing(place, manifest) as folder:
        write_questions(folder, sets.dev + sets.test)
        write_report(
            folder / "report",
            f"Bantam: {job.name}",
            rows,
            also=also,
            times=times,
            notes=notes(results, written, lost),
            facts=_facts(job.spec, found, sets),
            command=_command(job.spec),
        )
    read_manifest(place)
    for row in rows:
        for name, value in dataclasses.asdict(row).items():
            if isinstance(value, float):
                job.report(Metric(f"{row.arm}/{name}", 0, value))
    job.say("written")
    return under_home(place)


def result(place: Path) -> dict[str, Any]:
    """What the command line prints of the experiment at `place`."""
    manifest = read_manifest(place)
    evaluation = artifact("evaluation", manifest["evaluation"])
    results = {arm: _arm(evaluation, arm) for arm in arms_of(manifest["spec"]["arms"])}
    rows, gain = table_of(results), adapter_gain(results)
    return {
        "name": manifest["name"],
        "rows": [dataclasses.asdict(row) for row in rows],
        "table": table(rows),
        "sentences": [*sentences(rows), *_adapter(rows, gain)],
        "adapter_gain": gain and {"f1_delta": gain.mean, "f1_low": gain.low, "f1_high": gain.high},
        "timings": [time._asdict() for time in _times(results)],
        "report": str(place / "report"),
    }


def notes(results: dict[str, ArmResult], written: Path | None, lost: tuple[Rejected, ...]) -> list[str]:
    """What has to be said below the table."""
    said = []
    for arm, one in results.items():
        if one.threshold and one.threshold.refused is not None:
            said.append(
                f"{ARMS[arm]}: tau {one.threshold.tau:.3f} was chosen on the dev split, where it gives F1 "
                f"{100 * one.threshold.f1:.1f} and refuses {100 * (one.threshold.refused or 0):.0f} % of the "
                "questions without an answer."
            )
    if written:
        counts = read_manifest(written)["counts"]
        reasons = sorted((reason, count) for reason, count in counts.items() if reason != "kept")
        dropped = ", ".join(f"{reason} {count}" for reason, count in reasons) or "none"
        said.append(f"Training questions: {counts.get('kept', 0)} kept; dropped: {dropped}.")
    for each in lost[:50]:
        where = f"{each.file}, row {each.row}" if each.row else each.file
        said.append(f"Not read: {where}: {each.reason}")
    return said


def _of(spec: QuickstartSpec, *names: str) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in names}


def _arm(place: Path, arm: str) -> ArmResult:
    found = read_arm(place, arm)
    if found is None:
        raise ArtifactError(f"The evaluation {place.name} has no answers of {ARMS[arm]}: evaluate again.")
    return found


def _manifest(job: Job, evaluation: Path, found: dict[str, Any]) -> dict[str, Any]:
    parts = {name: found[name] for name in ("dataset", "index", "questions", "adapter", "arms")}
    return {
        "kind": MAKES,
        "name": job.name,
        "job": job.id,
        "spec": job.spec.model_dump(),
        "evaluation": evaluation.name,
        **parts,
    }


def adapter_gain(results: dict[str, ArmResult]) -> Difference | None:
    """F1 that the adapter adds where there is evidence; None if one of the two arms was not asked."""
    tuned, plain = (results.get(arm) for arm in WITH_EVIDENCE)
    return difference(tuned.scored, plain.scored) if tuned and plain else None


def _adapter(rows: list[Row], gain: Difference | None) -> list[str]:
    """Whether the adapter helps or harms with evidence, in a sentence, where that was asked."""
    by = {row.arm: row for row in rows}
    tuned, plain = (by.get(ARMS[arm]) for arm in WITH_EVIDENCE)
    return [adapter_sentence(tuned, plain, gain)] if tuned and plain and gain else []


def _times(results: dict[str, ArmResult]) -> list[Timing]:
    return timings({ARMS[arm]: one.timed for arm, one in results.items()})


def _facts(spec: QuickstartSpec, found: dict[str, Any], sets: Asked) -> dict[str, str]:
    from engine.device import pick

    where = pick(None if spec.device == "auto" else spec.device)
    answerable = [question for question in sets.test if question.answerable]
    documents = read_manifest(artifact("dataset", found["dataset"]))
    chunks = read_manifest(artifact("index", found["index"]))["chunks"]
    return {
        "Machine": f"{where.label} ({where.kind})",
        "Small model": spec.small,
        "Large model": spec.large,
        "Documents": f"{documents['documents']}, in {chunks} chunks",
        "Test questions": f"{len(answerable)} answerable, {len(sets.test) - len(answerable)} not"
        + ("" if documents["questions"] else "; written by a model, held out from training"),
        "Latency": f"{min(spec.timed, len(sets.test))} test questions one at a time after warm-up; all other "
        "numbers from batches",
    }


def _command(spec: QuickstartSpec) -> str:
    fields = type(spec).model_fields
    changed = {name: it for name, it in spec.model_dump().items() if it != fields[name].default}
    options = "".join(f" --{name.replace('_', '-')} {shlex.quote(str(it))}" for name, it in changed.items())
    return f"{Path(sys.executable).name} -m jobs quickstart{options}"
