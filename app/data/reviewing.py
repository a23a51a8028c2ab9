"""One preference pair after the other, accepted, rejected or skipped by a button or a key. What was decided
is kept at once; a pair that is rejected is in no export and in no pairs made later.

Keys are single letters, so they can be switched off (WCAG 2.1.4).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from app import corpora
from app.data import frames
from app.data.downloads import as_jsonl
from app.frame import workspace
from app.text import plain
from engine.data.pairs import trl
from engine.data.records import Pair
from engine.errors import LabError
from jobs import queue
from jobs.review import left, name_of, pairs_of
from storage import decisions
from storage.decisions import ACCEPTED, REJECTED
from storage.errors import StorageError

KEYS = {"accept": "A", "reject": "X", "skip": "S", "undo": "U"}
SLIP = "pairs_slip"  # what went wrong while a decision was kept


@st.cache_resource(max_entries=2, show_spinner="Reading the pairs")
def named(place: Path) -> dict[str, Pair]:
    """The pairs of an artefact by their names; a resource, so that they are not copied each time."""
    return {name_of(pair): pair for pair in pairs_of(place)}


def review(id: str, place: Path) -> None:
    """Progress, the pair that is next, and what to do with it; only this part is drawn again by a press."""

    @st.fragment
    def again() -> None:
        pairs = named(place)
        with workspace() as db:
            decided = {name: verdict for name, verdict in decisions.read(db).items() if name in pairs}
            if slip := st.session_state.pop(SLIP, ""):
                st.error(plain(slip))
            progress(decided, len(pairs))
            name = following(id, pairs, decided)
            if name:
                one(pairs[name])
            else:
                st.success("All pairs are decided. Undo takes the last one back.")
            buttons(id, name, bool(decided))
            files(pairs, decided, id)

    again()


def progress(decided: Mapping[str, str], total: int) -> None:
    """How many are decided, and how."""
    verdicts = list(decided.values())
    with st.container(horizontal=True):
        st.metric("Accepted", verdicts.count(ACCEPTED), width="content")
        st.metric("Rejected", verdicts.count(REJECTED), width="content")
        st.metric("Left", total - len(verdicts), width="content")
    st.progress(len(verdicts) / total if total else 0.0, text=f"{len(verdicts)} of {total} decided")


def following(id: str, pairs: Mapping[str, Pair], decided: Mapping[str, str]) -> str:
    """The next pair that is not decided; those that were skipped come again after the others. "" at the
    end."""
    skipped: list[str] = st.session_state.setdefault(f"pairs_skipped_{id}", [])
    open_ = [name for name in pairs if name not in decided]
    fresh = next((name for name in open_ if name not in set(skipped)), "")
    return fresh or next((name for name in skipped if name in open_), "")


def one(pair: Pair) -> None:
    """A pair: what was asked, the better side against the worse."""
    with st.container(border=True):
        *before, last = pair.prompt or [None]
        st.markdown("**Prompt**")
        st.markdown(lines(last.content if last else ""))
        if before:
            with st.expander("What stands before it"):
                for turn in before:
                    if turn:
                        st.markdown(f"{plain(turn.role)}: {lines(turn.content)}")
        for place, title, text in zip(
            st.columns(2, gap="medium"),
            ("Chosen: the better one", "Rejected: the worse one"),
            (pair.chosen, pair.rejected),
            strict=True,
        ):
            with place, st.container(border=True):
                st.markdown(f"**{title}**")
                st.markdown(lines(text) or "(empty)")
                st.caption(f"{len(text.split())} words")
        margin = "" if pair.margin is None else f", margin {pair.margin:.2f}"
        st.caption(plain(f"From: {pair.origin}{margin}."))


def buttons(id: str, name: str, any_: bool) -> None:
    """Accept, reject, skip, undo, each with its key."""
    on = st.session_state.get("pairs_keys", True)
    keys: dict[str, str | None] = dict(KEYS) if on else dict.fromkeys(KEYS)
    with st.container(horizontal=True):
        for title, work, args, can in (
            ("Accept", decide, (id, name, ACCEPTED), bool(name)),
            ("Reject", decide, (id, name, REJECTED), bool(name)),
            ("Skip", skip, (id, name), bool(name)),
            ("Undo", undo, (id,), any_),
        ):
            st.button(
                title,
                type="primary" if title == "Accept" else "secondary",
                disabled=not can,
                shortcut=keys[title.lower()],
                on_click=work,
                args=args,
                key=f"pairs_{title.lower()}",
            )
    st.checkbox(
        "Keys: A accepts, X rejects, S skips, U takes the last decision back",
        value=True,
        key="pairs_keys",
        help="Off: letters do nothing here, which some ways to control a browser by voice need",
    )


def decide(id: str, name: str, verdict: str) -> None:
    """Keep a decision on the pair that was shown when the button was drawn."""
    _kept(lambda db: decisions.decide(db, name, verdict, id))
    if name in (skipped := st.session_state.get(f"pairs_skipped_{id}", [])):
        skipped.remove(name)


def skip(id: str, name: str) -> None:
    """Put a pair behind the others."""
    skipped = st.session_state.setdefault(f"pairs_skipped_{id}", [])
    if name in skipped:
        skipped.remove(name)
    skipped.append(name)


def undo(id: str) -> None:
    """Take the last decision on these pairs back, and show its pair again."""
    undone: list[dict[str, Any]] = []
    _kept(lambda db: undone.extend(filter(None, [decisions.undo(db, id)])))
    if undone:
        skipped = st.session_state.setdefault(f"pairs_skipped_{id}", [])
        st.session_state[f"pairs_skipped_{id}"] = [name for name in skipped if name != undone[0]["pair"]]
    else:
        st.session_state[SLIP] = (
            "Nothing was decided in this set: what is decided here was decided in another one."
        )


def _kept(change: Any) -> None:
    try:
        with queue.opened() as db:
            change(db)
    except (LabError, StorageError) as error:
        st.session_state[SLIP] = str(error)


def files(pairs: Mapping[str, Pair], decided: Mapping[str, str], id: str) -> None:
    """The pairs that are left as training takes them, and a table of what was decided."""
    st.subheader("Take them along")
    st.caption("In TRL's preference format; `export` of the command line leaves rejected pairs out as well.")

    accepted = sum(verdict == ACCEPTED for verdict in decided.values())
    rejected = len(decided) - accepted
    with st.container(horizontal=True):
        for title, only, count in (
            ("Accepted pairs", True, accepted),
            ("All but the rejected", False, len(pairs) - rejected),
        ):
            st.download_button(
                f"{title} ({count})",
                data=partial(_file, pairs, decided, only),
                file_name=f"pairs-{id[:6]}{'-accepted' if only else ''}.jsonl",
                mime="application/x-ndjson",
                key=f"pairs_file_{only}",
                on_click="ignore",
                disabled=not count,
            )
    if decided:
        with st.expander(f"Decided ({len(decided)})"):
            first = list(decided.items())[: corpora.SHOWN]
            frame = frames.decided([(pairs[name], verdict) for name, verdict in first])
            st.dataframe(frame, hide_index=True, key="pairs_decided", alt="Pairs that were decided")


def _file(pairs: Mapping[str, Pair], decided: Mapping[str, str], accepted_only: bool) -> bytes:
    return as_jsonl(map(trl, left(decided, pairs.values(), accepted_only=accepted_only)[0]))


def lines(text: str) -> str:
    """A text as Markdown that shows it as it is, line by line."""
    return "  \n".join(plain(line) for line in text.strip().splitlines())
