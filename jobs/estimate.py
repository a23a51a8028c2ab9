"""What a teacher on a server would cost, before anything is asked: a range, since how many questions fail a
check is only known afterwards."""

from typing import TYPE_CHECKING, NamedTuple

from sqlite_utils import Database

from engine.data.teacher import Estimate, Teacher, TeacherSpec
from jobs.references import find, find_index
from jobs.workspace import home

if TYPE_CHECKING:
    from jobs.kinds.compose import Spec


class Cost(NamedTuple):
    """`least`: every question is kept. `most`: none is, and the documents are asked about to their end.
    Rewordings cost up to `rewordings` more calls, as large as the others or smaller."""

    least: Estimate
    most: Estimate
    rewordings: int


def estimate(db: Database, spec: "Spec") -> Cost:
    """What a job with this spec would ask and cost at most, without what is in the cache already. Raises
    ConfigError for a dataset without an index."""
    from engine.data.compose import KINDS, requests
    from engine.retrieval import index as indexes

    source = find(db, "dataset", spec.dataset)
    index = indexes.load(find_index(db, spec.index, source))
    kinds = [one.strip() for one in spec.kinds.split(",") if one.strip()]
    asked = requests(index, kinds or list(KINDS), spec.seed)
    fields = spec.model_dump(include=set(TeacherSpec.model_fields))
    teacher = Teacher(TeacherSpec(**fields), home() / "teacher")
    return Cost(
        teacher.estimate(asked[: spec.target]), teacher.estimate(asked), spec.target * spec.rewordings
    )
