"""Where in an index the answer of a question stands: people's own questions come with an offset, a passage or
nothing at all, and training needs the sentence. Knows no file and no trainer.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from engine.data.records import Question
from engine.evaluation.metrics import holds_answer
from engine.retrieval.index import Index
from engine.retrieval.sentences import Sentence


def located(questions: Iterable[Question], index: Index) -> tuple[Question, ...]:
    """The questions with the sentence of the index that answers them as evidence: the one at the offset that
    the question's source gives, else the only one of its document (of its passage, if one is given) that
    holds the answer. Questions without an answer stay as they are; where no sentence can be told, they are
    left out."""
    by: defaultdict[str, list[Sentence]] = defaultdict(list)
    for chunk in index.chunks:
        by[chunk.document] += chunk.sentences
    found = []
    for question in questions:
        if not question.answers:
            found.append(question)
        elif (evidence := _sentence(question, by.get(question.document or "", []))) is not None:
            found.append(replace(question, evidence=evidence))
    return tuple(found)


def _sentence(question: Question, sentences: list[Sentence]) -> str | None:
    texts = list(dict.fromkeys(sentence.text for sentence in sentences))
    if question.evidence in texts:
        return question.evidence
    if question.starts:
        return next((s.text for s in sentences if s.start <= question.starts[0] < s.end), None)
    holding = [text for text in texts if holds_answer(text, question.answers)]
    if question.evidence:
        near = [text for text in holding if text in question.evidence or question.evidence in text]
        holding = near or holding
    return holding[0] if len(holding) == 1 else None
