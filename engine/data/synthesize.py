"""Questions for training, written from the documents alone by a small model: choose spans, have it ask for
them, keep what survives (engine/data/roundtrip.py), and make of those questions over two passages and ones
without an answer (engine/data/derive.py). Each may also be asked in another form (engine/data/reword.py),
which is read back too.

What is finished is kept round by round, so that a run that was killed goes on. The same with a teacher on a
server: engine/data/compose.py. Knows no trainer.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import NamedTuple

from engine.data import derive
from engine.data.ask import Wish, ask
from engine.data.records import Question
from engine.data.reword import NO_FORM, forms
from engine.data.rounds import Rounds
from engine.data.roundtrip import KNOWN, REPEATED, Gate, Try
from engine.data.sift import KEPT
from engine.data.sources import Source, likely, openings, sources
from engine.data.tally import tell
from engine.data.written import KINDS, Dropped, Stands, Written, written
from engine.inference.model import Loaded
from engine.inference.tiers import Reads
from engine.progress import Progress, Report, silent
from engine.retrieval.index import Index

VERSION = 7  # raise it when other questions come out: those written before are not taken again
ROUND = 96  # spans asked for between two looks at the clock, at least
FINAL = (KNOWN, REPEATED)  # asked in other words it would be no other question
BATCH = 96
SHARE = 10  # of so many questions one is over two passages, and one without an answer
# Of a round the least sure are dropped, fewer among likely spans: the mean log-probability tells good from
# bad (AUROC .73), but on a scale that is each writer's own.
DOUBTED = (0.23, 0.35, 0.35)


@dataclass(frozen=True)
class Synthesis:
    """What was kept, what was dropped and why, the counts by reason (rewordings counted apart), and the
    seconds it took, those before an interruption too."""

    rows: tuple[Written, ...]
    dropped: tuple[Dropped, ...]
    counts: dict[str, int]
    reworded: dict[str, int]
    seconds: float

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions alone."""
        return tuple(row.question for row in self.rows)


class _Task(NamedTuple):
    """A span to ask for, and the question that was not kept the turn before."""

    source: Source
    asked: str = ""


@dataclass
class _Run:
    """A run on its way: `before` are the seconds of rounds that were finished earlier."""

    gate: Gate
    keep: Rounds
    target: int
    seconds: float
    report: Report
    begun: float = field(default_factory=time.monotonic)
    before: float = 0.0
    kept: list[Stands] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Seconds until now."""
        return self.before + time.monotonic() - self.begun

    @property
    def over(self) -> bool:
        """Whether no more is to be written."""
        return len(self.kept) >= self.target or self.spent > self.seconds

    @property
    def counts(self) -> Counter[str]:
        """Kept and dropped by reason, until now."""
        return Counter(one.reason for one in self.dropped) + Counter({KEPT: len(self.kept)})

    def tell(self) -> None:
        """Report how many are kept."""
        done, note = min(len(self.kept), self.target), f"{len(self.kept) + len(self.dropped)} written"
        tell(self.counts, self.report)
        self.report(Progress("write questions", done, self.target, "questions", note))


def synthesize(
    index: Index,
    writer: Loaded,
    reader: Reads,
    *,
    target: int = 600,
    kinds: Sequence[str] = KINDS,
    avoid: Sequence[Question] = (),
    rewordings: int = 1,
    negatives: int = 3,
    seconds: float = 300.0,
    k: int = 3,
    per_sentence: int = 4,
    seed: int = 0,
    keep: Rounds | None = None,
    report: Report = silent,
) -> Synthesis:
    """At least `target` written questions if the documents and `seconds` (of writing) allow, a share more of
    those over two passages and without an answer, then up to `rewordings` of each.

    The same index, writer, reader and seed give the same questions, up to where time ran out. What is
    finished is kept in `keep`: a run that was killed goes on there and ends with the same.
    """
    gate = Gate(index, reader, avoid, k)
    run = _Run(gate, keep or Rounds(), target, seconds, report)
    report(Progress("write questions", 0, target, "questions"))
    groups = sources(index, per_sentence, frozenset(kinds), random.Random(seed))
    tasks = [_Task(source) for group in groups for source in group]
    first = [task for task in tasks if likely(task.source)]
    again = _turn(run, writer, first, 0)
    _turn(run, writer, again, 1)
    _turn(run, writer, [task for task in tasks if not likely(task.source)], 2)
    plain = list(run.kept)
    _derive(run, index, plain, kinds)
    others, reworded = _reword(run, plain, rewordings, seed)
    tell(run.counts, report)
    rows = written(index, [*run.kept, *others], writer.name, k, negatives)
    return Synthesis(rows, tuple(run.dropped), dict(run.counts), dict(reworded), run.spent)


def _turn(run: _Run, writer: Loaded, tasks: Sequence[_Task], turn: int) -> list[_Task]:
    """Ask for each span; give back those whose question was not kept, to be asked for in another way."""
    left = []
    for number, batch in enumerate(_rounds(tasks)):
        if run.over:
            break
        found = _round(
            run,
            f"write-{turn}-{number:05d}",
            [task.source for task in batch],
            partial(_asked, run.gate, writer, batch, DOUBTED[turn]),
        )
        for task, (question, verdict) in zip(batch, found, strict=True):
            source = task.source
            if verdict == KEPT:
                run.kept.append(Stands(source.kind, question, source.answer, (source,)))
            else:
                run.dropped.append(Dropped(question, source.answer, source.sentence, verdict))
                if verdict not in FINAL:
                    left.append(_Task(source, question))
        run.tell()
    return left


def _round(
    run: _Run, name: str, about: Sequence[Source], make: Callable[[], tuple[list[str], list[str]]]
) -> list[tuple[str, str]]:
    """A question about each source with its verdict: as they were finished before, or made now and kept."""
    done = run.keep.get(name)
    if done is None:
        begun = time.monotonic()
        asked, verdicts = make()
        done = {"asked": asked, "verdicts": verdicts, "seconds": time.monotonic() - begun}
        run.keep.put(name, done)
        return list(zip(asked, verdicts, strict=True))
    found = list(zip(done["asked"], done["verdicts"], strict=True))
    run.before += done["seconds"]
    run.gate.remember(
        [Try(source, said) for source, (said, verdict) in zip(about, found, strict=True) if verdict == KEPT]
    )
    return found


def _rounds(tasks: Sequence[_Task]) -> Iterator[list[_Task]]:
    """The tasks about ROUND at a time, those of one sentence together."""
    batch: list[_Task] = []
    for _, group in groupby(tasks, _sentence):
        batch += group
        if len(batch) >= ROUND:
            yield batch
            batch = []
    if batch:
        yield batch


def _sentence(task: _Task) -> tuple[int, str]:
    return task.source.chunk, task.source.sentence


def _asked(gate: Gate, writer: Loaded, tasks: Sequence[_Task], doubted: float) -> tuple[list[str], list[str]]:
    """A question for each task, and KEPT or why not."""
    wishes = []
    for _, group in groupby(tasks, _sentence):
        some = [*group]
        answers = tuple(task.source.answer for task in some)
        begin = tuple(openings(task.source, task.asked) for task in some)
        wishes.append(Wish((some[0].source.sentence,), answers, begin))
    found = [one for rows in ask(writer, wishes) for one in rows]
    least = sorted(one.logprob for one in found)[int(doubted * len(found))]
    tries = [Try(task.source, one.text, one.logprob < least) for task, one in zip(tasks, found, strict=True)]
    return [one.question for one in tries], gate.verdicts(tries)


def _derive(run: _Run, index: Index, plain: Sequence[Stands], kinds: Sequence[str]) -> None:
    """Add questions over two passages and ones without an answer, a share of the target each."""
    known = [(one.sources[0], one.question) for one in plain]
    for kind, made in (("two", derive.two_hop(known)), ("unanswerable", derive.unanswerable(index, known))):
        most = max(1, run.target // SHARE) if kind in kinds else 0
        number = 0
        for one in made:
            if number >= most:
                break
            verdict = run.gate.derived(one)
            if verdict == KEPT:
                number += 1
                run.kept.append(Stands(kind, one.question, one.answer, one.sources))
            else:
                run.dropped.append(Dropped(one.question, one.answer, one.sources[-1].sentence, verdict))


def _reword(run: _Run, plain: Sequence[Stands], times: int, seed: int) -> tuple[list[Stands], Counter[str]]:
    """Up to `times` other forms of each question, those that are kept, and the counts by reason."""
    rng = random.Random(seed)
    tries: list[tuple[Stands, str]] = []
    counts: Counter[str] = Counter()
    for one in plain if times else ():
        others = forms(one.question, one.answer)
        tries += [(one, said) for said in rng.sample(others, min(times, len(others)))]
        counts[NO_FORM] += not others
    found = []
    run.report(Progress("reword questions", 0, len(tries), "questions"))
    for start in range(0, len(tries), BATCH):
        batch = tries[start : start + BATCH]
        about, name = [one.sources[0] for one, _ in batch], f"reword-{start:06d}"
        for (one, _), (said, verdict) in zip(
            batch, _round(run, name, about, partial(_reworded, run.gate, batch)), strict=True
        ):
            counts[verdict] += 1
            if verdict == KEPT:
                found.append(Stands(one.kind, said, one.answer, one.sources, one.question))
        run.report(Progress("reword questions", min(start + BATCH, len(tries)), len(tries), "questions"))
    return found, +counts


def _reworded(gate: Gate, batch: Sequence[tuple[Stands, str]]) -> tuple[list[str], list[str]]:
    tries = [Try(one.sources[0], said) for one, said in batch]
    return [one.question for one in tries], gate.verdicts(tries, reworded=True)
