"""Questions written from a few documents: each kept one went round and back, each dropped one is counted."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.data import synthesize as synthesizing
from engine.data.ask import ask
from engine.data.contamination import LIKE
from engine.data.records import Question
from engine.data.reword import NO_FORM
from engine.data.rounds import Rounds
from engine.data.roundtrip import DOUBTED, KNOWN, NOT_FOUND, NOT_READ, REPEATED, STILL_ANSWERED
from engine.data.sift import (
    CUT_OFF,
    GIVES_AWAY,
    KEPT,
    NEW_WORDS,
    NOT_A_QUESTION,
    OTHER_KIND,
    OTHER_ONE,
    TURNED,
    TWICE,
    VAGUE,
)
from engine.data.synthesize import Synthesis, synthesize
from engine.data.tally import told
from engine.evaluation.metrics import accuracy, f1, holds_answer
from engine.progress import Metric, Progress, Stopped
from engine.retrieval.compress import compress
from engine.retrieval.index import build
from engine.retrieval.search import search
from tests.corpus import DOCUMENTS, QUESTIONS

BY_WORDS = {NOT_A_QUESTION, GIVES_AWAY, OTHER_KIND, OTHER_ONE, CUT_OFF, TWICE, TURNED, NEW_WORDS, VAGUE}
REASONS = {KEPT, DOUBTED, NOT_FOUND, NOT_READ, KNOWN, REPEATED, STILL_ANSWERED, NO_FORM} | BY_WORDS
WRITTEN = DOCUMENTS


@pytest.fixture(scope="module")
def index() -> Any:
    return build(WRITTEN, size=64)


@pytest.fixture(scope="module")
def reports() -> list[Any]:
    return []


@pytest.fixture(scope="module")
def made(index: Any, small: Any, reader: Any, reports: list[Any]) -> Synthesis:
    return synthesize(index, small, reader, rewordings=2, seconds=600, report=reports.append)


def written(found: Synthesis) -> Sequence[Question]:
    return found.questions[: found.counts[KEPT]]


def plain(found: Synthesis) -> Sequence[Question]:
    return [question for question in written(found) if question.kind in ("fact", "number", "why")]


def test_the_counts_add_up_to_what_was_written(made: Synthesis, reports: list[Any]) -> None:
    assert made.counts.keys() | made.reworded.keys() <= REASONS
    last = [said for said in reports if getattr(said, "stage", "") == "write questions"][-1]
    assert told({one.name: one.value for one in reports if isinstance(one, Metric)}) == made.counts
    derived = sum(1 for row in made.rows if row.question.kind in ("two", "unanswerable"))
    derived += made.counts.get(STILL_ANSWERED, 0)
    assert last.note == f"{sum(made.counts.values()) - derived} written"
    assert sum(made.counts.values()) > made.counts[KEPT] >= 5
    assert len(made.dropped) == sum(made.counts.values()) - made.counts[KEPT]
    asked = {row.provenance.get("reworded") for row in made.rows} - {None}
    assert len(asked) + made.reworded.get(NO_FORM, 0) <= len(plain(made)) <= sum(made.reworded.values())
    assert sum(made.reworded.values()) <= 2 * len(plain(made))
    assert len(made.questions) == made.counts[KEPT] + made.reworded.get(KEPT, 0)
    assert made.reworded.get(KEPT, 0) > 0
    assert made.seconds > 0


def test_a_kept_answer_stands_in_its_evidence_and_that_in_its_document(made: Synthesis) -> None:
    texts = {document.id: document.text for document in WRITTEN}
    for row in made.rows:
        question = row.question
        if question.kind == "unanswerable":
            assert not question.answers and not row.cited and question.document is None
            continue
        (answer,) = question.answers
        assert answer in question.evidence
        assert question.evidence in texts[str(question.document)]
        assert not question.evidence.startswith("#")
        assert question.split == "train"
        assert row.cited[-1] == question.evidence
        assert f"[{len(row.cited)}]" in row.rationale and row.cited[0].rstrip(".") in row.rationale


def test_every_row_says_where_it_comes_from_and_its_negatives_do_not_answer(made: Synthesis) -> None:
    texts = {document.id: document.text for document in WRITTEN}
    known = {row.question.id: row for row in made.rows}
    for row in made.rows:
        assert row.provenance["writer"] == "bantam-small"
        for document, start, end in row.provenance["chunks"]:
            assert 0 <= start < end <= len(texts[document])
            if row.question.answers:
                assert row.cited[-1] in texts[document] or len(row.cited) > 1
        if row.question.answers:
            assert not any(holds_answer(text, row.question.answers) for text in row.negatives)
        of = row.provenance.get("reworded")
        assert of is None or known[of].question.answers == row.question.answers
    assert all(2 <= len(row.negatives) <= 3 for row in made.rows)


def test_a_kept_question_asks_and_does_not_tell(made: Synthesis) -> None:
    asked = [question.question for question in made.questions]
    assert all(text.endswith("?") and len(text.split()) >= 4 for text in asked)
    assert not any(accuracy(question.question, question.answers) for question in made.questions)
    assert len({text.lower() for text in asked}) == len(asked)
    assert [question.id for question in made.questions] == [
        f"synthetic-{n:05d}" for n in range(1, len(asked) + 1)
    ]


def test_a_kept_question_finds_its_source_and_the_reader_its_answer(
    made: Synthesis, index: Any, reader: Any
) -> None:
    """Both from its sentence alone and from all that would be served."""
    asked = plain(made)
    alone, served = [question.evidence for question in asked], []
    for question in asked:
        found = search(index, question.question, 3)
        assert any(question.evidence in hit.chunk.text for hit in found)
        served.append(" ".join(bullet.text for bullet in compress(index, question.question, found, 8)))
    for texts in (alone, served):
        back = reader.read([question.question for question in asked], texts)
        for question, read in zip(asked, back, strict=True):
            assert f1(read.text, question.answers) >= 0.7
            assert read.none <= 0.3 + 1e-4


def test_rewordings_ask_for_the_same_in_other_words(made: Synthesis) -> None:
    originals = {(q.answers, q.evidence, q.kind): q.question for q in written(made)}
    reworded = made.questions[made.counts[KEPT] :]
    same = Counter(q.question == originals[(q.answers, q.evidence, q.kind)] for q in reworded)
    assert same == {False: len(reworded)}


def test_the_same_seed_writes_the_same_and_questions_like_the_avoided_ones_are_dropped(
    made: Synthesis, index: Any, small: Any, reader: Any
) -> None:
    """Without anything to avoid all is as before; with what was kept, that and what is like it is gone."""
    again = synthesize(index, small, reader, rewordings=0, seconds=600)
    assert again.questions == tuple(written(made))
    assert again.rows == made.rows[: len(again.rows)]
    assert again.counts == made.counts
    assert again.reworded == {}
    avoid = [*written(made)[::2], *QUESTIONS]
    others = synthesize(index, small, reader, rewordings=0, seconds=600, avoid=avoid)
    assert others.counts[KNOWN] >= len(written(made)[::2])
    vectors = index.embedder.vectors([question.question for question in others.questions])
    known = index.embedder.vectors([question.question for question in avoid])
    assert others.questions
    assert (vectors @ known.T).max() <= LIKE


def test_out_of_time_nothing_more_is_written(index: Any, small: Any, reader: Any) -> None:
    reports: list[Any] = []
    late = synthesize(index, small, reader, target=7, seconds=0, report=reports.append)
    assert (late.questions, late.counts, late.reworded) == ((), {}, {})
    assert reports[0] == Progress("write questions", 0, 7, "questions")


def test_a_run_that_was_interrupted_goes_on_and_ends_with_the_same(
    index: Any, small: Any, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at every report once: no finished round is written again, and nothing differs."""
    monkeypatch.setattr(synthesizing, "ROUND", 8)
    written: list[Any] = []
    monkeypatch.setattr(synthesizing, "ask", lambda *given: written.append(given) or ask(*given))
    whole = synthesize(index, small, reader, rewordings=1, seconds=600)
    rounds, keep, stopped = len(written), Rounds(tmp_path / "work"), 0
    seen: set[Any] = set()

    def stopping(said: Progress | Metric) -> None:
        if isinstance(said, Progress) and said not in seen:
            seen.add(said)
            raise Stopped

    while True:
        try:
            again = synthesize(index, small, reader, rewordings=1, seconds=600, keep=keep, report=stopping)
            break
        except Stopped:
            stopped += 1
    assert stopped > rounds > 2
    assert len(written) == 2 * rounds
    assert (again.rows, again.counts, again.reworded) == (whole.rows, whole.counts, whole.reworded)
