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


def teacher_of(spec: TeacherSpec) -> Teacher:
    """The teacher that a job's spec names; what it says is kept in the workspace, over runs and jobs. Raises
    ConfigError when its key is missing."""
    told = TeacherSpec(**spec.model_dump(include=set(TeacherSpec.model_fields)))
    return Teacher(told, home() / "teacher")


def estimate(db: Database, spec: "Spec") -> Cost:
    """What a job with this spec would ask and cost at most, without what is in the cache already. Raises
    ConfigError for a dataset without an index."""
    from engine.data.compose import requests
    from engine.retrieval import index as indexes
    from jobs.kinds.synthesize import kinds_of

    source = find(db, "dataset", spec.dataset)
    index = indexes.load(find_index(db, spec.index, source))
    asked = requests(index, kinds_of(spec.kinds), spec.seed)
    teacher = teacher_of(spec)
    return Cost(
        teacher.estimate(asked[: spec.target]), teacher.estimate(asked), spec.target * spec.rewordings
    )
