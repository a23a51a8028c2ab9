"""Calibrate an experiment's tiers: answer dev and test with each, fit P(correct) on dev, measure it on test.

The artefact calibration/<experiment> holds the calibrations, every tier's answers (so that a cascade is
replayed without asking a model) and the report. What was answered already is taken from the workspace.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest, whole, write_json, writing
from engine.errors import ArtifactError, ConfigError
from engine.evaluation.calibrate import chance_ece, fit, out_of_fold, quality, worth
from engine.evaluation.harness import outcomes
from engine.evaluation.scoring import Scored, score
from engine.evaluation.threshold import choose
from engine.inference import verify
from engine.inference.belief import Calibration
from engine.inference.orchestrator import all_answered, answer_many
from engine.inference.reading import ReaderTier
from engine.inference.spec import AnswerSpec
from engine.inference.verify import overlap
from engine.progress import Progress, Report, silent
from jobs.opened import Opened, open_experiment
from jobs.workspace import artifact, checked_name, home, key

PIECE = 32  # questions answered between two savings
EVIDENCE_ARMS = ("lora+rag+compress", "rag+compress", "lora+rag", "rag", "large")


@dataclass(frozen=True)
class Judged:
    """One tier's answers to dev and test questions, each given whatever the verifier thought, and its
    calibration."""

    tier: str
    name: str
    price: float
    dev: tuple[Scored, ...]
    test: tuple[Scored, ...]
    calibration: Calibration
    held_out: tuple[float, ...]  # P(correct) on dev, -1 where the tier refused, by fits that had not seen it

    def believed(self, scored: Sequence[Scored]) -> list[float]:
        """P(correct) of answers, -1 where the tier refused."""
        return [
            self.calibration.probability(one.trace.verdict.parts) if one.trace.verdict else -1.0
            for one in scored
        ]


def calibrate(
    name: str, tiers: str = "", device: str | None = None, report: Report = silent, *, also: str = ""
) -> dict[str, Any]:
    """Calibrate the tiers (comma-separated; the small model as it answers best, and the large one, unless
    said) and keep the result. `also` names other experiments, whose questions are fitted on beside dev: more
    answers to learn from where dev is small. Raises LabError for what a person can mend."""
    opened = open_experiment(name, device)
    names = [one.strip() for one in tiers.split(",") if one.strip()] or usual_tiers(opened)
    spec = answer_spec(opened)
    first, last = names[0], names[-1]
    names = list(dict.fromkeys([first, *names[1:-1], "reader", last]))
    others = [open_experiment(one, device) for one in _others(name, also)]
    for experiment in (opened, *others):
        for tier in set(names) - {"reader"}:
            experiment.tier(tier)  # one without it is told now, not after all are asked
    answers = {tier: answered(opened, tier, spec, report) for tier in names}
    beside = {tier: [a for one in others for a in answered(one, tier, spec, report)] for tier in names}
    judged = [judge(tier, answers[tier], answers[first], beside[tier], beside[first]) for tier in names]
    pair = [one for one in judged if one.tier != "reader"]
    facts = measured(pair)
    manifest = {
        "kind": "calibration",
        "name": name,
        "job": opened.manifest.get("job"),
        "experiment": {key: opened.manifest.get(key) for key in ("index", "adapter", "dataset")},
        "order": names,
        "answer": spec.model_dump(),
        "also": [one.name for one in others],
        "tiers": {
            one.tier: {"name": one.name, "price": one.price, "calibration": one.calibration.model_dump()}
            for one in judged
        },
        **facts,
    }
    place = artifact("calibration", checked_name(name))
    with writing(place, manifest) as folder:
        for one in judged:
            save(folder, one)
        from jobs.calibration_report import write

        write(folder, manifest, pair)
    return {**facts, "name": name, "report": str(place / "report.md")}


def measured(pair: Sequence[Judged]) -> dict[str, Any]:
    """What the calibration is worth: on test over all answers of the pair, by tier, and each feature's."""
    every = [one for judged in pair for one in judged.test]
    believed = [p for judged in pair for p in judged.believed(judged.test) if p >= 0]
    right = outcomes(every)[1]
    whole_, last = quality(believed, right), pair[-1]
    chosen = choose(last.held_out, [one.f1 for one in last.dev])
    parts, seen = outcomes([one for judged in pair for one in judged.dev])
    return {
        "tau": chosen.tau,
        "auroc": whole_.auroc,
        "ece": whole_.ece,
        "brier": whole_.brier,
        "n": whole_.n,
        "ece_by_chance": chance_ece(believed),
        "fitted_on": sum(judged.calibration.n for judged in pair),
        "by_tier": {one.tier: _by_tier(one) for one in pair},
        "worth": [row._asdict() for row in worth(parts, seen)],
    }


def usual_tiers(opened: Opened) -> list[str]:
    """The small model with its adapter, if that answered dev better, then the large one."""
    arms = opened.manifest["arms"]
    scores = {
        tier: (arms.get(arm) or {}).get("threshold") or {}
        for tier, arm in (("small", "rag+compress"), ("adapter", "lora+rag+compress"))
    }
    better = scores["adapter"].get("f1", 0.0) > scores["small"].get("f1", 0.0)
    return ["adapter" if better and opened.adapter else "small", "large"]


def answer_spec(opened: Opened) -> AnswerSpec:
    """How the experiment's best arm with evidence answers, whatever its threshold; what does not fit into a
    tier loses its weakest bullets, as it will when served. Raises ConfigError when there is no such arm."""
    arm = next((one for one in EVIDENCE_ARMS if one in opened.manifest["arms"]), None)
    if arm is None:
        raise ConfigError(
            f"The experiment {opened.name!r} has no arm with evidence, so there is nothing to calibrate: run "
            f"`python -m jobs quickstart --name {opened.name} --arms rag+compress`."
        )
    return opened.spec(arm).model_copy(update={"tau": 0.0, "overlong": "drop"})


def judge(
    tier: str,
    scored: Sequence[Scored],
    first: Sequence[Scored] = (),
    beside: Sequence[Scored] = (),
    beside_first: Sequence[Scored] = (),
) -> Judged:
    """Fit one tier's calibration on its dev answers and those `beside`, to questions of other experiments.
    `first` and `beside_first` are the first tier's answers to the same questions: agreeing with them is one
    more feature, as it is when the cascade serves."""
    scored, beside = _with_peers(scored, first), _with_peers(beside, beside_first)
    dev = tuple(one for one in scored if one.question.split == "dev")
    test = tuple(one for one in scored if one.question.split == "test")
    (parts, right), (more, known) = outcomes(dev), outcomes(beside)
    believed = iter(out_of_fold(parts, right, beside=more, known=known))
    held = tuple(next(believed) if one.trace.verdict else -1.0 for one in dev)
    price = next((draft.price for one in scored for draft in one.trace.drafts), 0.0)
    named = next((one.trace.tier for one in scored if one.trace.tier), tier)
    return Judged(tier, named, price, dev, test, fit([*parts, *more], [*right, *known]), held)


def _with_peers(scored: Sequence[Scored], first: Sequence[Scored]) -> list[Scored]:
    if not first or first is scored:
        return list(scored)
    return [_with_peer(one, other) for one, other in zip(scored, first, strict=True)]


def _others(name: str, also: str) -> list[str]:
    """Names of other experiments. Raises ConfigError when the experiment itself is among them."""
    others = [one.strip() for one in also.split(",") if one.strip()]
    if name in others:
        raise ConfigError(
            f"--also {also} names {name!r} itself, whose test answers must not be learned from."
        )
    return others


def _with_peer(one: Scored, first: Scored) -> Scored:
    verdict, drafts = one.trace.verdict, first.trace.drafts
    if verdict is None or not drafts:
        return one
    peer = round(overlap(one.trace.answer.text, drafts[0].answer.text), 4)
    parts = {**verdict.parts, "peer": peer}
    return replace(one, trace=replace(one.trace, verdict=replace(verdict, parts=parts)))


def answered(opened: Opened, tier: str, spec: AnswerSpec, report: Report) -> list[Scored]:
    """Every dev and test question answered by one tier; what an earlier run has answered is taken."""
    questions = [*opened.dev, *opened.test]
    made_of = [opened.manifest.get(one) for one in ("index", "adapter", "dataset")]
    made_of += [opened.manifest["spec"][one] for one in ("small", "large")]
    made_of += [question.id for question in questions]
    identity = key("answers", verify.VERSION, opened.name, tier, spec.model_dump(), made_of)
    kept = home() / "work" / f"answers-{identity}.json"
    done: list[Scored] = _scored().validate_json(kept.read_bytes()) if kept.is_file() else []
    if len(done) == len(questions):
        return done
    kept.parent.mkdir(exist_ok=True)
    one = ReaderTier(opened.reader) if tier == "reader" else tier
    parts = opened.ladder(one)
    opened.warnings(tier) if tier != "reader" else None
    for start in range(len(done), len(questions), PIECE):
        piece = questions[start : start + PIECE]
        traces = all_answered(answer_many(parts, [question.question for question in piece], spec))
        done += [score(question, trace) for question, trace in zip(piece, traces, strict=True)]
        write_json(kept, _scored().dump_python(done, mode="json"))
        report(Progress(f"answer: {tier}", len(done), len(questions), "questions"))
    return done


def save(folder: Path, judged: Judged) -> None:
    """Keep one tier's answers."""
    write_json(folder / f"{judged.tier}.json", _judged().dump_python(judged, mode="json"))


def read(name: str) -> tuple[dict[str, Any], dict[str, Judged]]:
    """The manifest of an experiment's calibration and its tiers' answers. Raises ConfigError when there is
    none, ArtifactError when it can't be read."""
    place = artifact("calibration", checked_name(name))
    if not whole(place):
        raise ConfigError(
            f"The experiment {name!r} is not calibrated yet: run `python -m jobs calibrate --name {name}`."
        )
    manifest = read_manifest(place)
    try:
        found = {
            tier: _judged().validate_json((place / f"{tier}.json").read_bytes()) for tier in manifest["tiers"]
        }
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"The calibration of {name!r} cannot be read: run `python -m jobs calibrate --name {name}` again."
        ) from error
    return manifest, found


def _by_tier(judged: Judged) -> dict[str, Any]:
    """Out of fold on dev and on test."""

    def said(believed: Sequence[float], scored: Sequence[Scored]) -> dict[str, Any]:
        return quality([p for p in believed if p >= 0], outcomes(scored)[1])._asdict()

    return {
        "dev": said(judged.held_out, judged.dev),
        "test": said(judged.believed(judged.test), judged.test),
    }


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _scored() -> Any:
    return _adapter(list[Scored])


def _judged() -> Any:
    return _adapter(Judged)
