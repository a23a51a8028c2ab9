"""Pairs from escalations: the cascade is asked what the experiment trained on, not what it is tested with;
the known answers have to bear a pair out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.data import pairs
from engine.data.records import Question
from engine.evaluation.metrics import holds_answer
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


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    spec = checked_spec("pairs", {"experiment": "moon", "source": "escalations"})
    return Job("job", "pairs", "moon", spec, connect(tmp_path))


def test_an_escalated_answer_stands_against_the_doubted_draft(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrue = Question("u", "Who walked on the Moon first?", ("Yuri Gagarin",), "apollo", "", "who", "train")
    place = artifact("questions", "q")
    place.mkdir(parents=True)
    save_questions(place / FILE, [WALK, untrue, LAUNCH])
    small, large = Scripted("small", "Galileo Galilei [1]"), Scripted("large", "Neil Armstrong [1]")
    parts = Parts(None, build(DOCUMENTS, size=64), Finds("Neil Armstrong"), (small, large))
    made: Any = SimpleNamespace(
        name="moon",
        manifest={"questions": "q"},
        questions=(LAUNCH,),
        cascade=lambda: (parts, AnswerSpec(accept=0.9, tau=0.5)),
    )
    monkeypatch.setattr(opened, "open_experiment", lambda *_: made)
    found = paired.escalated(job, job.spec)
    assert [asked.question for asked in large.seen] == [WALK.question, untrue.question]
    (pair,) = found.pairs
    assert found.dropped == {pairs.WRONG: 1}
    assert (pair.rejected, pair.origin) == ("Galileo Galilei [1]", pairs.ESCALATION)
    bullets = [line for line in pair.prompt[-1].content.splitlines() if line.startswith("[")]
    (cited,) = parse(pair.chosen, len(bullets)).citations
    assert holds_answer(pair.chosen, WALK.answers) and holds_answer(bullets[cited - 1], WALK.answers)
    assert pair.margin and pair.margin > job.spec.margin
    made.cascade = lambda: None
    assert not paired.escalated(job, job.spec).pairs and "calibrate --name moon" in job.lines[-1]
