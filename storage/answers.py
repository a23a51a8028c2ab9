"""Every answer of every arm of a job, with its trace. Computes no score."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from storage.db import Row, fetch, from_json, now, to_json, writing

REQUIRED = ("question_id", "question", "golds", "answer", "refused")
OPTIONAL = ("em", "f1", "accuracy", "citation_ok", "prompt_tokens", "output_tokens", "trace")


def record(
    db: Database, job_id: str, arm: str, answers: Iterable[Mapping[str, Any]], *, at: str | None = None
) -> int:
    """Replace the answers of this job and arm, all or nothing, and return how many there are now.

    Each has the keys of REQUIRED and any of OPTIONAL; a score of None is "not scored". `golds` is a list,
    `trace` anything that JSON, a dataclass or a pydantic model can say. Raises KeyError or ValueError on
    other keys.
    """
    at = at or now()
    rows = [(job_id, arm, at, *_values(answer)) for answer in answers]
    with writing(db):
        db.execute("delete from answer where job_id = ? and arm = ?", [job_id, arm])
        db.conn.executemany(
            """insert into answer (job_id, arm, created_at, question_id, question, answer, golds, trace,
                refused, em, f1, accuracy, citation_ok, prompt_tokens, output_tokens)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )
    return len(rows)


def keep_only(db: Database, job_id: str, arms: Sequence[str]) -> None:
    """Drop the job's answers of all other arms: what an earlier run under the same id has left."""
    with writing(db):
        db.execute(
            "delete from answer where job_id = ? and arm not in (select value from json_each(?))",
            [job_id, to_json(list(arms))],
        )


def read(db: Database, job_id: str, arm: str | None = None) -> list[Row]:
    """A job's answers, of one arm if given, in the order they were recorded; golds and trace parsed, refused
    a bool."""
    rows = fetch(
        db,
        "select * from answer where job_id = :job and (:arm is null or arm = :arm) order by id",
        {"job": job_id, "arm": arm},
    )
    return [{**from_json(row, "golds", "trace"), "refused": bool(row["refused"])} for row in rows]


def arms(db: Database, job_id: str) -> list[str]:
    """The arms of a job that have answers, in the order they were recorded."""
    rows = fetch(db, "select arm from answer where job_id = ? group by arm order by min(id)", [job_id])
    return [row["arm"] for row in rows]


def _values(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    unknown = set(answer) - set(REQUIRED) - set(OPTIONAL)
    if unknown:
        raise ValueError(f"an answer has no column {', '.join(sorted(unknown))}")
    return (
        *(str(answer[name]) for name in ("question_id", "question", "answer")),
        to_json(list(answer["golds"])),
        to_json(answer.get("trace")),
        int(answer["refused"]),
        *(_number(answer.get(name), float) for name in ("em", "f1", "accuracy", "citation_ok")),
        *(_number(answer.get(name), int) for name in ("prompt_tokens", "output_tokens")),
    )


def _number(value: Any, kind: type[int] | type[float]) -> int | float | None:
    return None if value is None else kind(value)
