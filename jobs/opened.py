"""A finished experiment, opened: its questions, index, adapter and tiers, each loaded when it is first used.

`ask`, `calibrate`, `cascade`, the playground and the Space all start here. Answers nothing itself.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine import catalog
from engine.artifact import read_manifest, whole
from engine.data.records import Question
from engine.errors import ConfigError, DataError, ModelError
from engine.inference.belief import loaded
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts, Reads
from engine.inference.reading import ReaderTier
from engine.inference.tiers import Tier
from jobs.material import read_questions, save_questions
from jobs.workspace import artifact, checked_name

BEST = ("lora+rag+compress", "rag+compress", "large", "lora+rag", "rag", "lora", "baseline")
QUESTIONS = "questions.jsonl"


@dataclass
class Opened:
    """`manifest` is the experiment's; `small`, `adapter`, `large` are its tiers, loaded when first asked."""

    name: str
    place: Path
    manifest: dict[str, Any]
    device: str | None = None

    @property
    def arm(self) -> str:
        """The best arm that was run."""
        return next(one for one in BEST if one in self.manifest["arms"])

    @cached_property
    def index(self) -> Any:
        """The index. Raises ArtifactError or IndexError_ when it is gone or not whole."""
        from engine.retrieval import index as indexes

        return indexes.load(artifact("index", self.manifest["index"]))

    @cached_property
    def reader(self) -> Reads:
        """The extractive reader."""
        from engine.inference.extract import reader

        return reader(device=self.device)

    @cached_property
    def adapter(self) -> Path | None:
        """The adapter's folder, None where none was trained."""
        made = self.manifest.get("adapter")
        return artifact("adapter", made) if made else None

    @cached_property
    def titles(self) -> dict[str, str]:
        """The title of each document."""
        return {chunk.document: chunk.title for chunk in self.index.chunks}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """All dev and test questions, as the experiment divided them. Raises DataError when they are gone."""
        kept = self.place / QUESTIONS
        return read_questions(kept) if kept.is_file() else _again(self.manifest["spec"])

    @property
    def dev(self) -> tuple[Question, ...]:
        """The questions that thresholds are chosen on."""
        return tuple(question for question in self.questions if question.split == "dev")

    @property
    def test(self) -> tuple[Question, ...]:
        """The questions that nothing is chosen on."""
        return tuple(question for question in self.questions if question.split == "test")

    def spec(self, arm: str | None = None) -> AnswerSpec:
        """How an arm (the best one) answers, with the threshold that was chosen for it."""
        made = self._made(arm or self.arm)
        spec = AnswerSpec(**made["answer"])
        return spec.model_copy(update={"tau": made["threshold"]["tau"]}) if made["threshold"] else spec

    def tier(self, name: str) -> LocalTier:
        """The tier "small", "adapter" (small with its adapter) or "large". Raises ConfigError for another
        name and for an adapter that was not trained."""
        return self._tiers[self._known(name)]

    def parts(self, arm: str | None = None) -> Parts:
        """What answers in an arm (the best one): one tier, the index, the reader, the calibration."""
        tier, made = (
            self.tier(model_of(arm or self.arm)),
            loaded(self._made(arm or self.arm).get("calibration")),
        )
        known = {tier.name: made} if made else {}
        return Parts(None, self.index, self.reader, (tier,), known)

    def ladder(self, *names: str | Tier) -> Parts:
        """What answers in a cascade of tiers, cheapest first: "small", "adapter", "large", or tiers."""
        tiers = tuple(self.tier(one) if isinstance(one, str) else one for one in names)
        return Parts(None, self.index, self.reader, tiers)

    @property
    def calibrated(self) -> dict[str, Any] | None:
        """The manifest of the experiment's calibration, None where it has none."""
        place = artifact("calibration", self.name)
        return read_manifest(place) if whole(place) else None

    def cascade(self) -> tuple[Parts, AnswerSpec] | None:
        """The tiers and settings that the last calibration and its dial chose; None without one, or where it
        is of another index or adapter."""
        made = self.calibrated
        if not made or not made.get("cascade") or not self._same(made):
            return None
        known = {one["name"]: loaded(one["calibration"]) for one in made["tiers"].values()}
        named = [ReaderTier(self.reader) if tier == "reader" else tier for tier in made["order"]]
        parts = self.ladder(*named)
        spec = AnswerSpec(**made["answer"]).model_copy(update=made["cascade"]["settings"])
        calibrations = {name: one for name, one in known.items() if one is not None}
        router = loaded(made["cascade"].get("router"))
        return replace(parts, calibrations=calibrations, router=router), spec

    def _same(self, made: dict[str, Any]) -> bool:
        return all(self.manifest.get(name) == value for name, value in made["experiment"].items())

    def warnings(self, tier: str) -> list[str]:
        """What differs between how the tier's adapter was trained and how it would be served, in words; loads
        the tier. Raises ModelError where serving would be wrong (another base, template or prompt)."""
        from engine.training.adapters import check

        served = self.tier(tier).loaded
        return check(self.adapter, served, self.index) if tier == "adapter" and self.adapter else []

    @cached_property
    def _tiers(self) -> dict[str, LocalTier]:
        spec = self.manifest["spec"]
        found = {name: self._local(spec[name], spec[name], None) for name in ("small", "large")}
        if self.adapter is not None:
            found["adapter"] = self._local(f"{spec['small']}+adapter", spec["small"], self.adapter)
        return found

    def _local(self, name: str, model: str, adapter: Path | None) -> LocalTier:
        try:
            parameters = catalog.lookup(model).parameters
        except ModelError:  # said where it is loaded
            parameters = 0
        return LocalTier(name, self._loader(model, adapter), parameters=parameters)

    def _known(self, name: str) -> str:
        if name in self._tiers:
            return name
        why = ": none was trained" if name == "adapter" else ""
        raise ConfigError(f"The experiment {self.name!r} has no tier {name!r}{why}; it has {_listed(self)}.")

    def _made(self, arm: str) -> dict[str, Any]:
        try:
            return dict(self.manifest["arms"][arm])
        except KeyError:
            known = ", ".join(self.manifest["arms"])
            raise ConfigError(f"The experiment {self.name!r} has no arm {arm!r}: it has {known}.") from None

    def _loader(self, model: str, adapter: Path | None) -> Any:
        def load() -> Any:
            from engine.inference.model import load as load_model
            from engine.training.adapters import check

            made = load_model(model, adapter=adapter, device=self.device)
            if adapter is not None:
                check(adapter, made, None)
            return made

        return load


def open_experiment(name: str, device: str | None = None) -> Opened:
    """The experiment `name` of this workspace. Raises ConfigError when it is not there, ArtifactError when
    it is not whole. Nothing is loaded yet."""
    place = artifact("experiment", checked_name(name))
    if not whole(place):
        raise ConfigError(
            f"There is no experiment {name!r} yet: run `python -m jobs quickstart --name {name}` first."
        )
    return Opened(name, place, read_manifest(place), device)


def model_of(arm: str) -> str:
    """The tier that answers in an arm."""
    return "adapter" if arm.startswith("lora") else "large" if arm == "large" else "small"


def write_questions(folder: Path, questions: tuple[Question, ...]) -> None:
    """Keep the dev and test questions in an experiment's folder, so that it can be opened without its
    source."""
    save_questions(folder / QUESTIONS, questions)


def _again(spec: dict[str, Any]) -> tuple[Question, ...]:
    """The questions of an experiment that kept none: read and divided as they were."""
    from engine.data.load import SAMPLES, load, load_questions, samples
    from engine.data.split import split_questions

    source = spec["questions"] or spec["documents"]
    if source in SAMPLES:
        found = samples(source).questions
    else:
        found = (load_questions if spec["questions"] else load)(Path(source)).questions
    if not found:
        raise DataError(
            f"{source} holds no questions and the experiment kept none: run its quickstart again."
        )
    return split_questions(found, spec["seed"])


def _listed(opened: Opened) -> str:
    return ", ".join(opened._tiers)
