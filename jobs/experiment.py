"""One experiment on its way: what its stages hand on, and the rows in storage that point at what they made.

Runs nothing.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest
from engine.catalog import lookup
from engine.data.records import Corpus, Question, fingerprint
from jobs.console import Console
from jobs.specs import QuickstartSpec
from jobs.workspace import home, key
from storage import artifacts


@dataclass
class Experiment:
    """What the stages hand on."""

    spec: QuickstartSpec
    name: str
    console: Console
    db: Any
    job: str
    corpus: Corpus = field(default_factory=Corpus)
    dev: tuple[Question, ...] = ()
    test: tuple[Question, ...] = ()
    index: Any = None
    index_place: Path | None = None
    training: tuple[Question, ...] = ()
    synthesis: dict[str, Any] | None = None
    adapter: Path | None = None

    @property
    def device(self) -> str | None:
        """The device asked for, or None for the best there is."""
        return None if self.spec.device == "auto" else self.spec.device

    @property
    def dataset_id(self) -> str:
        """The id of the dataset's row: the same name, documents and questions give the same."""
        corpus = self.corpus
        return key("dataset", self.name, fingerprint(corpus.documents), fingerprint(corpus.questions))


def record_dataset(experiment: Experiment) -> None:
    """Keep the row of the documents and questions that were read."""
    if artifacts.find_dataset(experiment.db, id=experiment.dataset_id) is None:
        corpus = experiment.corpus
        artifacts.record_dataset(
            experiment.db,
            id=experiment.dataset_id,
            name=experiment.name,
            fingerprint=fingerprint(corpus.documents),
            documents=len(corpus.documents),
            questions=len(corpus.questions),
            path=experiment.spec.documents,
            rejected=[asdict(rejected) for rejected in corpus.rejected],
        )


def record_index(experiment: Experiment, place: Path) -> None:
    """Keep the row of the index at `place`; its dataset is recorded before."""
    if artifacts.find_index(experiment.db, id=place.name) is None:
        made = experiment.index.manifest
        artifacts.record_index(
            experiment.db,
            id=place.name,
            dataset_id=experiment.dataset_id,
            fingerprint=made["fingerprint"],
            path=_under_home(place),
            manifest=made,
        )


def record_adapter(experiment: Experiment, place: Path) -> None:
    """Keep the rows of the small model and of its adapter at `place`."""
    small = experiment.spec.small
    if artifacts.find_model(experiment.db, id=small) is None:
        artifacts.record_model(
            experiment.db,
            id=small,
            name=small,
            base=small,
            kind=artifacts.BASE,
            path="",
            manifest=asdict(lookup(small)),
        )
    if artifacts.find_model(experiment.db, id=place.name) is None:
        artifacts.record_model(
            experiment.db,
            id=place.name,
            name=f"{experiment.name} adapter",
            base=small,
            kind=artifacts.ADAPTER,
            path=_under_home(place),
            manifest=read_manifest(place),
        )


def _under_home(place: Path) -> str:
    return str(place.relative_to(home()))
