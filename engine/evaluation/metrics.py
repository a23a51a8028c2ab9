"""One answer against its accepted ones: SQuAD's EM and F1, accuracy by containment, and whether citations
hold.

Every function takes one question and gives 0..1 (None: not scored). It knows no arm, no average and no
interval; those are in scoring.py. EM and F1 are those of the official SQuAD v1.1 script (Rajpurkar et al.
2016, arXiv:1606.05250) and are held equal to torchmetrics' SQuAD by a property test.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

from engine.inference.trace import Answer, Bullet

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
EVIDENCE_F1 = 0.8  # tokens shared from which on a bullet and the evidence sentence are the same sentence
EVIDENCE_FRAGMENT = (
    4  # tokens below which a piece of the evidence sentence ("Europa", a heading) proves nothing
)


def normalize(text: str) -> str:
    """SQuAD's normal form, in its order: lower case, ASCII punctuation out, articles out, whitespace to
    single spaces.

    Punctuation is removed, not replaced: "3,474" becomes "3474" and "well-known" becomes "wellknown". Other
    scripts' and typographic punctuation stays, as in the official script, so that the scores can be compared
    with published ones.
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 if the prediction has the normal form of one of `golds`, else 0.0; ValueError when `golds` is
    empty.

    Texts of which normalisation leaves nothing ("", ".", "the") are equal to one another and to nothing else.
    """
    answer = normalize(prediction)
    return float(any(answer == normalize(gold) for gold in _accepted(golds)))


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Harmonic mean of token precision and recall against the best of `golds`, 0..1; ValueError when `golds`
    is empty.

    Tokens are counted as often as they occur. Where normalisation leaves nothing of one side, F1 is 1.0 if
    nothing is left of the other side too, else 0.0 (so "" against "the" is 1.0): the decision of SQuAD v2.0
    and torchmetrics.
    """
    answer = normalize(prediction).split()
    return max(_token_f1(answer, normalize(gold).split()) for gold in _accepted(golds))


def accuracy(prediction: str, golds: Sequence[str]) -> float:
    """1.0 if one of `golds` stands in the prediction as a run of whole normalised tokens, else 0.0.

    "art" does not stand in "part of it". A gold of which normalisation leaves nothing is never contained.
    ValueError when `golds` is empty. Length is not punished: read it next to F1.
    """
    return float(holds_answer(prediction, _accepted(golds)))


def citation_correct(answer: Answer, bullets: Sequence[Bullet], golds: Sequence[str]) -> float | None:
    """1.0 if at least one cited bullet contains one of `golds` (see `accuracy`), 0.0 if none does or none is
    cited.

    None (not scored) when the answer is a refusal or when there were no bullets to cite.
    """
    accepted = _accepted(golds)
    if answer.refused or not bullets:
        return None
    return float(any(holds_answer(text, accepted) for text in _cited(answer, bullets)))


def citation_precision(
    answer: Answer, bullets: Sequence[Bullet], golds: Sequence[str], evidence: str = ""
) -> float | None:
    """The share of an answer's citations that are correct, 0..1; an arm's citation precision is the mean of
    these.

    A citation is correct if the bullet it names contains one of `golds` (whole normalised tokens), or is the
    gold `evidence` sentence: one contains the other as a run of tokens (a bullet inside the evidence must
    have at least EVIDENCE_FRAGMENT of them), or their token F1 is at least EVIDENCE_F1. A bullet cited twice
    counts once; a number that names no bullet is wrong.

    Decided here: an answer that cites nothing counts 0.0, since it was asked to cite. A refusal has nothing
    to support and a question without any bullets (arms without evidence) nothing to cite: both give None, not
    scored.
    """
    accepted = _accepted(golds)
    if answer.refused or not bullets:
        return None
    cited = _cited(answer, bullets)
    if not cited:
        return 0.0
    return sum(holds_answer(text, accepted) or _is_evidence(text, evidence) for text in cited) / len(cited)


def _accepted(golds: Sequence[str]) -> Sequence[str]:
    if not golds:
        raise ValueError("A question without accepted answers has no EM, F1, accuracy or citations to score.")
    if isinstance(golds, str):
        raise TypeError(f"Accepted answers are a list of texts, not one text: got {golds!r}.")
    return golds


def _token_f1(answer: list[str], gold: list[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    shared = sum((Counter(answer) & Counter(gold)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(answer), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def _contains(tokens: list[str], run: list[str]) -> bool:
    if not run:
        return False
    return any(tokens[i : i + len(run)] == run for i in range(len(tokens) - len(run) + 1))


def holds_answer(text: str, golds: Sequence[str]) -> bool:
    """Whether an accepted answer stands in `text` as a run of whole normalised words."""
    tokens = normalize(text).split()
    return any(_contains(tokens, normalize(gold).split()) for gold in golds)


def _is_evidence(text: str, evidence: str) -> bool:
    bullet, gold = normalize(text).split(), normalize(evidence).split()
    if not bullet or not gold:
        return False
    inside = len(bullet) >= EVIDENCE_FRAGMENT and _contains(gold, bullet)
    return inside or _contains(bullet, gold) or _token_f1(bullet, gold) >= EVIDENCE_F1


def _cited(answer: Answer, bullets: Sequence[Bullet]) -> list[str]:
    """The texts of the cited bullets, each once, in the order of citation; "" for a number that names
    none.
    """
    texts = {bullet.number: bullet.text for bullet in bullets}
    return [texts.get(number, "") for number in dict.fromkeys(answer.citations)]
