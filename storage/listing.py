"""What pages list: rows without what is heavy in them, newest first, a page at a time. Writes nothing.

Every query here is bounded by its `limit` or by an index: a workspace may hold a million metrics.
"""

from collections.abc import Sequence

from sqlite_utils import Database

from storage.db import Row, fetch, from_json

WRONG, REFUSED, UNSUPPORTED, RIGHT = "wrong", "refused", "unsupported", "right"
# what a filter of answers means; an unanswerable question is right when it is refused
_WHICH = {
    "": "1",
    WRONG: "case when json_array_length(golds) = 0 then not refused"
    " else refused or coalesce(f1, 0) < 0.5 end",
    REFUSED: "refused",
    UNSUPPORTED: "not refused and json_extract(trace, '$.verdict.supported') = 0",
    RIGHT: "case when json_array_length(golds) = 0 then refused"
    " else not refused and coalesce(f1, 0) >= 0.5 end",
}


def tally(db: Database, job_id: str) -> dict[str, dict[str, int]]:
    """Of a job's answers, by arm: how many there are ("") and how many each filter would show."""
    columns = ", ".join(f"sum({clause}) as n{number}" for number, clause in enumerate(_WHICH.values()))
    rows = fetch(
        db, f"select arm, {columns} from answer where job_id = ? group by arm order by min(id)", [job_id]
    )
    return {
        row["arm"]: {which: int(row[f"n{number}"] or 0) for number, which in enumerate(_WHICH)}
        for row in rows
    }


def answers(
    db: Database, job_id: str, arm: str, *, which: str = "", limit: int = 100, offset: int = 0
) -> list[Row]:
    """Answers of a job's arm without traces, those of one filter: "", WRONG (F1 below 0.5, or answered
    though the documents do not), REFUSED, UNSUPPORTED (given, but the verifier found no support) or RIGHT."""
    rows = fetch(
        db,
        f"""select id, question_id, question, golds, answer, refused, em, f1, citation_ok, prompt_tokens,
        json_extract(trace, '$.verdict.score') as verdict from answer
        where job_id = ? and arm = ? and {_WHICH[which]} order by id limit ? offset ?""",
        [job_id, arm, limit, offset],
    )
    return [{**from_json(row, "golds"), "refused": bool(row["refused"])} for row in rows]


def same_question(db: Database, job_id: str, question_id: str) -> list[Row]:
    """Every arm's answer of a job to one question, with its trace."""
    rows = fetch(
        db, "select * from answer where job_id = ? and question_id = ? order by id", [job_id, question_id]
    )
    return [{**from_json(row, "golds", "trace"), "refused": bool(row["refused"])} for row in rows]


def filters() -> Sequence[str]:
    """The filters of `answers`, "" (all) first."""
    return tuple(_WHICH)
