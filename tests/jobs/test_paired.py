"""Pairs from escalations and samples: what the experiment trained on is asked, not what it is tested with,
and the known answers have to bear a pair out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.data import pairs
from engine.data.records import Pair, Question
from engine.errors import LabError
from engine.evaluation.metrics import holds_answer
from engine.inference import prompt, samples
from engine.inference.orchestrator import AnswerSpec, Parts
from engine.inference.prompt import parse
from engine.retrieval.index import build
from jobs import opened, paired
from jobs.kinds import checked_spec
from jobs.material import FILE, save_questions
from jobs.running import Job
from jobs.workspace import artifact
from storage.db import connect
from tests.corpus import DOCUMENTS, QUESTIONS
from tests.ladders import Finds, Scripted

WALK, LAUNCH, *_ = QUESTIONS
UNTRUE = Question("u", "Who walked on the Moon first?", ("Yuri Gagarin",), "apollo", "", "who", "train")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    spec = checked_spec("pairs", {"experiment": "moon", "source": "escalations"})
    return Job("job", "pairs", "moon", spec, connect(tmp_path))


@pytest.fixture
def moon(job: Job, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An experiment of two training questions, one with an answer that no bullet bears out."""
    place = artifact("questions", "q")
    place.mkdir(parents=True)
    save_questions(place / FILE, [WALK, UNTRUE, LAUNCH])
    index, reader = build(DOCUMENTS, size=64), Finds("Neil Armstrong")
    made = SimpleNamespace(name="moon", manifest={"questions": "q"}, questions=(LAUNCH,), index=index)
    vars(made).update(reader=reader, adapter=None, spec=AnswerSpec)
    monkeypatch.setattr(opened, "open_experiment", lambda *_: made)
    return made


def bears_out(pair: Pair) -> bool:
    bullets = [line for line in pair.prompt[-1].content.splitlines() if line.startswith("[")]
    (cited,) = parse(pair.chosen, len(bullets)).citations
    return bool(holds_answer(pair.chosen, WALK.answers) and holds_answer(bullets[cited - 1], WALK.answers))


def test_an_escalated_answer_stands_against_the_doubted_draft(job: Job, moon: Any) -> None:
    small, large = Scripted("small", "Galileo Galilei [1]"), Scripted("large", "Neil Armstrong [1]")
    parts = Parts(None, moon.index, moon.reader, (small, large))
    moon.cascade = lambda: (parts, AnswerSpec(accept=0.9, tau=0.5))
    found = paired.escalated(job, job.spec)
    assert [asked.question for asked in large.seen] == [WALK.question, UNTRUE.question]
    (pair,) = found.pairs
    assert found.dropped == {pairs.WRONG: 1}
    assert (pair.rejected, pair.origin) == ("Galileo Galilei [1]", pairs.ESCALATION)
    assert bears_out(pair) and pair.margin and pair.margin > job.spec.margin
    parts = Parts(None, moon.index, moon.reader, (small, Scripted("large", LabError("No server."))))
    assert not paired.escalated(job, job.spec).pairs
    assert "2 of 2 questions: large could not be asked: No server." in job.lines
    moon.cascade = lambda: None
    assert not paired.escalated(job, job.spec).pairs and "calibrate --name moon" in job.lines[-1]


def test_the_best_sample_is_right_by_the_known_answer_or_no_pair(
    job: Job, moon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [[f"Neil Armstrong [{n}]" for n in range(1, 7)] + ["Galileo Galilei [1]"], ["x [1]"] * 2]
    drawn.insert(1, drawn[0])
    moon.questions, moon.tier = (), lambda _: SimpleNamespace(loaded=SimpleNamespace(tokenizer=None))
    monkeypatch.setattr(prompt, "prompt_ids", lambda *_: [])
    said = [[SimpleNamespace(text=text, refusal=0.0, logprobs=()) for text in texts] for texts in drawn]
    monkeypatch.setattr(samples, "samples", lambda *_, **__: said.pop(0))
    found = paired.sampled(job, job.spec)
    assert found.dropped == {pairs.WRONG: 1} and len(found.pairs) == 2
    right, tie = found.pairs
    assert bears_out(right) and right.rejected == "Galileo Galilei [1]"
    assert pairs.choose([tie]).counts == {pairs.TIE: 1}
