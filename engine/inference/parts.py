"""What answers a question: tiers, index, reader, calibrations. Asks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import ConfigError
from engine.inference.belief import Calibration
from engine.inference.local import LocalTier
from engine.inference.model import Loaded
from engine.inference.tiers import Reads, Tier
from engine.retrieval.index import Index


@dataclass(frozen=True)
class Parts:
    """What answers: a model, and with evidence an index and (for the verifier) a reader. `tiers` are asked
    after the model, cheapest first; without `loaded` the first of them starts. `calibrations` turn a tier's
    verdict into P(correct), by its name; a tier without one is weighed uncalibrated. `router` is that of
    engine.inference.route, which foresees whether the first tier will be right."""

    loaded: Loaded | None
    index: Index | None = None
    reader: Reads | None = None
    tiers: tuple[Tier, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    router: Calibration | None = None

    @property
    def ladder(self) -> tuple[Tier, ...]:
        """All tiers in the order they are asked. Raises ConfigError when there is none."""
        first = (LocalTier.of(self.loaded),) if self.loaded is not None else ()
        if not first + self.tiers:
            raise ConfigError("There is nothing to answer with: name a model or another tier.")
        return (*first, *self.tiers)
