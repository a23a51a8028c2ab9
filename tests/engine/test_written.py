"""Rows with all that goes with them, and finished rounds: what is written is what is read."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.data import written
from engine.data.records import Question
from engine.data.rounds import Rounds
from engine.data.written import Written

texts = st.text(max_size=30)
rows = st.builds(
    Written,
    st.builds(
        Question, texts, texts, st.lists(texts, max_size=2).map(tuple), st.none() | texts, texts, texts
    ),
    texts,
    st.lists(texts, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.dictionaries(texts, texts | st.integers(), max_size=2),
)


@given(st.lists(rows, max_size=4))
def test_rows_come_back_as_they_were(tmp_path_factory: object, made: list[Written]) -> None:
    file = Path(tmp_path_factory.mktemp("rows")) / written.FILE  # type: ignore[attr-defined]
    written.save(file, made)
    assert written.load(file) == made


def test_a_round_is_there_when_it_was_finished_and_only_then(tmp_path: Path) -> None:
    keep = Rounds(tmp_path / "work")
    assert keep.get("write-0") is None
    assert keep.put("write-0", {"asked": ["Why?"], "seconds": 1.5}) == {"asked": ["Why?"], "seconds": 1.5}
    assert Rounds(tmp_path / "work").get("write-0") == {"asked": ["Why?"], "seconds": 1.5}
    (tmp_path / "work" / "write-1.json").write_text('{"asked": ["W')  # as no killed writer leaves it
    assert keep.get("write-1") is None
    assert Rounds(None).put("write-0", {"a": 1}) == {"a": 1} and Rounds(None).get("write-0") is None
