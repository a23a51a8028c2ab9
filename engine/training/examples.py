"""Training rows from questions, rendered exactly as they will be served: same retriever, same bullets,
same prompt, same tokens.

After RAFT (Zhang and others 2024, "Adapting Language Model to Domain Specific RAG", section 3): rows with the
evidence among distractors that the retriever itself found, rows whose evidence was taken out (the answer is
then a refusal), and rows without evidence. Knows no trainer.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.data.records import Question
from engine.evaluation.metrics import holds_answer
from engine.inference.prompt import REFUSAL, answer_messages, answer_text, completion_ids, prompt_ids
from engine.inference.trace import Bullet
from engine.progress import Progress, Report, silent
from engine.retrieval.compress import compress
from engine.retrieval.index import Index
from engine.retrieval.search import search_many
from engine.training.noise import near_words, noised

VERSION = 5  # raise it when rows come out differently: adapters made of other rows are not taken again
FOCUSED, GROUNDED, WITHHELD, CLOSED = "focused", "grounded", "withheld", "closed-book"
TWO = "two"  # the kind of a question over two passages: one sentence alone does not answer it
KINDS = (FOCUSED, GROUNDED, WITHHELD, CLOSED)


@dataclass(frozen=True)
class Row:
    """One training row in tokens: the loss is on `completion` only. `kind` is one of KINDS."""

    prompt: list[int]
    completion: list[int]
    kind: str

    @property
    def length(self) -> int:
        """Tokens, prompt and completion."""
        return len(self.prompt) + len(self.completion)


class Mixture(NamedTuple):
    """Of how many questions a row of each kind is made, 0..1; `noised` of how many a copy is added, with near
    words in place of its own (engine/training/noise.py), of which rows are made in the same way."""

    focused: float
    joint: float
    withheld: float
    closed_book: float
    noised: float


CHEAP = Mixture(focused=1.0, joint=0.3, withheld=0.0, closed_book=1.0, noised=0.7)
AS_SERVED = Mixture(focused=0.2, joint=0.8, withheld=0.2, closed_book=0.1, noised=0.5)


def usual_mixture(parameters: float) -> Mixture:
    """The mixture for a model of that many millions of parameters.

    A tiny one that already answers from evidence learns most from short rows, and they fit a few minutes;
    rows to refuse make it refuse what is only worded unlike the text, and the verifier refuses better. One
    that does not answer from evidence must learn to choose among bullets: rows of one bullet always cite [1],
    and where they outnumber the others they teach just that; closed-book rows carry most of the loss and
    teach nothing about evidence.
    """
    return CHEAP if 0 < parameters < 50 else AS_SERVED


def rows(
    questions: Sequence[Question],
    index: Index,
    tokenizer: Any,
    *,
    k: int = 3,
    bullets: int = 6,
    mixture: Mixture = CHEAP,
    seed: int = 0,
    report: Report = silent,
) -> list[Row]:
    """The rows of `questions` whose `evidence` is a sentence of the index; those without an answer give one
    row over their bullets that is answered by a refusal, unless the mixture withholds nothing.

    Of the others, a share `mixture.focused` gives a row over its evidence alone, as in the second look; a
    share `joint` one over all its retrieved bullets; a share `withheld` a row that is answered by a refusal,
    half over the best bullet that does not hold the answer, half over all of them; a share `closed_book` one
    without evidence.
    Evidence that the retriever missed takes the place of the weakest bullet. The order is shuffled by `seed`.
    """
    rng = random.Random(seed)
    questions = [*questions, *_copies(questions, index, mixture.noised, rng)]
    asked = [question.question for question in questions]
    vectors = index.embedder.vectors(asked)
    found = search_many(index, asked, k, vectors=vectors)
    made: list[Row] = []
    report(Progress("rows", 0, len(questions), "questions"))
    for done, (question, hits, vector) in enumerate(zip(questions, found, vectors, strict=True), 1):
        served = compress(index, question.question, hits, bullets, vector=vector)
        if not question.answers:
            if mixture.withheld:
                texts = [bullet.text for bullet in served]
                made.append(_row(tokenizer, question.question, texts, REFUSAL, WITHHELD))
            continue
        if rng.random() < mixture.focused and question.kind != TWO:
            said = answer_text(question.answers[0], 1)
            made.append(_row(tokenizer, question.question, [question.evidence], said, FOCUSED))
        if rng.random() < mixture.joint:
            evidence = [bullet.text for bullet in _with_evidence(served, question, rng)]
            cited = 1 + evidence.index(question.evidence)
            made.append(
                _row(
                    tokenizer, question.question, evidence, answer_text(question.answers[0], cited), GROUNDED
                )
            )
        left = [bullet for bullet in served if not holds(bullet.text, question)]
        if left and rng.random() < mixture.withheld:
            shown = left if rng.random() < 0.5 else [max(left, key=lambda bullet: bullet.score)]
            made.append(
                _row(tokenizer, question.question, [bullet.text for bullet in shown], REFUSAL, WITHHELD)
            )
        if rng.random() < mixture.closed_book:
            made.append(_row(tokenizer, question.question, [], question.answers[0], CLOSED))
        report(Progress("rows", done, len(questions), "questions"))
    rng.shuffle(made)
    return made


def _copies(questions: Sequence[Question], index: Index, share: float, rng: random.Random) -> list[Question]:
    """A share of the questions in near words, so that nothing learns to look for a question's own words."""
    near = near_words(index.embedder) if share else {}
    some = [question for question in questions if rng.random() < share]
    return [replace(question, question=noised(question.question, near, rng)) for question in some]


def holds(text: str, question: Question) -> bool:
    """Whether `text` is the question's evidence or holds one of its answers as whole words."""
    return text == question.evidence or holds_answer(text, question.answers)


def _with_evidence(served: list[Bullet], question: Question, rng: random.Random) -> list[Bullet]:
    if any(bullet.text == question.evidence for bullet in served):
        return served
    missing = Bullet(0, question.evidence, question.document or "", -1, 0, 0, 0.0)
    if not served:
        return [missing]
    weakest = min(range(len(served)), key=lambda place: served[place].score)
    kept = [bullet for place, bullet in enumerate(served) if place != weakest]
    kept.insert(rng.randint(0, len(kept)), missing)
    return kept


def _row(tokenizer: Any, question: str, evidence: list[str], answer: str, kind: str) -> Row:
    return Row(
        prompt_ids(tokenizer, answer_messages(question, evidence)), completion_ids(tokenizer, answer), kind
    )
