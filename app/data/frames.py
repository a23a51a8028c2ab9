"""Documents, questions, chats, pairs and what happened to them into the tables of the page Data: a DataFrame
each. Calls no page and reads no file."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from streamlit import column_config as column

from app.tables import LETTERS, cut, frame

if TYPE_CHECKING:
    import pandas as pd

    from engine.data.records import Chat, Document, Note, Pair, Question, Rejected

SHARES = {"share %": column.NumberColumn("share %", format="%.1f")}
SPLITS = ("train", "dev", "test")


def documents(found: Iterable["Document"]) -> "pd.DataFrame":
    """Documents with how long they are and how they begin."""
    return frame(
        {"document": d.id, "title": d.title, "letters": len(d.text), "text": cut(d.text)} for d in found
    )


def questions(found: Iterable["Question"]) -> "pd.DataFrame":
    """Questions with their accepted answers."""
    return frame(
        {
            "question": cut(q.question),
            "answers": cut("; ".join(q.answers)) or "(not answered by the documents)",
            "document": q.document or "",
            "split": q.split,
            "kind": q.kind,
        }
        for q in found
    )


def written(found: Iterable["Question"]) -> "pd.DataFrame":
    """Written questions with the sentence that answers."""
    return frame(
        {
            "question": cut(q.question),
            "answer": cut("; ".join(q.answers)) or "(not answered by the documents)",
            "kind": q.kind,
            "document": q.document or "",
            "evidence": cut(q.evidence),
        }
        for q in found
    )


def rejected(found: Iterable["Rejected | Mapping[str, Any]"]) -> "pd.DataFrame":
    """What could not be read: the file, the row (0: the whole file) and why."""
    return frame(map(reject, found))


def reject(one: "Rejected | Mapping[str, Any]") -> dict[str, Any]:
    """One thing that could not be read, in the order of the table."""
    row = one if isinstance(one, Mapping) else {"file": one.file, "row": one.row, "reason": one.reason}
    return {"file": row["file"], "row": row["row"], "reason": row["reason"]}


def notes(found: Iterable["Note | Mapping[str, Any]"]) -> "pd.DataFrame":
    """What is to be said of how files were read."""
    rows = (one if isinstance(one, Mapping) else {"file": one.file, "note": one.note} for one in found)
    return frame({"file": row["file"], "how it was read": row["note"]} for row in rows)


def cells(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> "pd.DataFrame":
    """Rows of a file as they are, some of its columns, everything as text."""
    return frame({name: cut(str(row.get(name, ""))) for name in columns} for row in rows)


def chats(found: Iterable["Chat"]) -> "pd.DataFrame":
    """Chats with what was asked first and said last."""
    return frame(
        {
            "asked": cut(next((turn.content for turn in chat.messages if turn.role == "user"), "")),
            "said last": cut(chat.messages[-1].content),
            "turns": len(chat.messages),
        }
        for chat in found
    )


def pairs(found: Iterable["Pair"]) -> "pd.DataFrame":
    """Preference pairs with their two sides."""
    return frame(
        {
            "prompt": cut(pair.prompt[-1].content if pair.prompt else ""),
            "chosen": cut(pair.chosen),
            "rejected": cut(pair.rejected),
            "from": pair.origin,
            "margin": pair.margin,
        }
        for pair in found
    )


def decided(found: Iterable[tuple["Pair", str]]) -> "pd.DataFrame":
    """Pairs with what was decided."""
    return frame(
        {
            "decision": verdict,
            "prompt": cut(pair.prompt[-1].content if pair.prompt else ""),
            "chosen": cut(pair.chosen),
            "rejected": cut(pair.rejected),
        }
        for pair, verdict in found
    )


def steps(found: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> "pd.DataFrame":
    """What each filter of a cleaning did."""
    return frame(
        {
            "filter": names.get(step["filter"], step["filter"]),
            "documents changed": step["changed"],
            "left out": step["removed"],
        }
        for step in found
    )


def examples(found: Iterable[Mapping[str, str]]) -> "pd.DataFrame":
    """Examples of what a filter did."""
    return frame(
        {"document": one["id"], "before": cut(one["before"]), "after, or why it went": cut(one["after"])}
        for one in found
    )


def counts(found: Mapping[str, int]) -> "pd.DataFrame":
    """What was counted, most first."""
    ordered = sorted(found.items(), key=lambda pair: -pair[1])
    return frame({"what": cut(name), "count": count} for name, count in ordered)


def removed(found: Iterable[Mapping[str, str]]) -> "pd.DataFrame":
    """Documents that a cleaning left out."""
    return frame(
        {
            "document": one["id"],
            "filter": one["filter"],
            "reason": cut(one["reason"]),
            "text": cut(one["text"][: 2 * LETTERS]),
        }
        for one in found
    )


def lost(found: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Questions that a cleaning left out with their documents."""
    return frame(
        {
            "question": cut(one["question"]),
            "answers": cut("; ".join(one["answers"])),
            "document": one["document"] or "",
            "split": one["split"],
            "reason": cut(one["reason"]),
        }
        for one in found
    )


def splits(kinds: Mapping[str, Mapping[str, int]]) -> "pd.DataFrame":
    """Questions by kind: a line a kind, a column a split, the sum at the end."""
    lines = [(kind or "(none)", of) for kind, of in sorted(kinds.items())]
    whole = {part: sum(of.get(part, 0) for _, of in lines) for part in SPLITS}
    return frame(
        {"kind": kind, **{part: of.get(part, 0) for part in SPLITS}, "together": sum(of.values())}
        for kind, of in [*lines, ("all kinds", whole)]
    )


def leaks(found: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Questions of train and dev with the one of a later split that each was like."""
    return frame(
        {
            "split": one.get("split", "train"),
            "question": cut(one.get("question", one["trained"])),
            "is like": cut(one.get("like", one["tested"])),
            "how": one["how"],
            "similarity": one["similarity"],
        }
        for one in found
    )


def verdicts(counts: Mapping[str, int]) -> "pd.DataFrame":
    """Rows kept and dropped by reason, kept first, with their share of what was written."""
    total = sum(counts.values()) or 1
    ordered = sorted(counts.items(), key=lambda pair: (pair[0] != "kept", -pair[1]))
    return frame(
        {"what became of it": reason, "rows": count, "share %": 100 * count / total}
        for reason, count in ordered
    )
