"""Weigh an answer against its evidence: what the cited bullets cover, what the reader says, how sure the
model was. The parts of the verdict are features 0..1; of them comes one belief that the answer is right.

With a Calibration (engine.inference.belief) the belief is P(correct); without one it is a fixed weighted sum,
and the verdict says that it is uncalibrated. Knows nothing of how the answer came about.
"""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from engine.inference.belief import Calibration
from engine.inference.doubt import NAME, NUMBER, bare, missing, standing, weakest
from engine.inference.extract import Found
from engine.inference.trace import Answer, Bullet, Verdict
from engine.retrieval.sentences import sentences
from engine.retrieval.words import words

VERSION = 3  # of the features: answers that were weighed by others are weighed again
WEIGHTS = {"answerable": 0.8, "agreement": 0.1, "willing": 0.05, "certain": 0.05, "samples": 0.1}
COVERED = 0.5
UNKNOWN = 0.5  # the score where no part of it is known
LONG = 12  # words from which on an answer counts as long
LOW = 0.1  # the quantile of token log-probs that stands for the weakest words
_WHEN = re.compile(r"\bwhen\b|\b(what|which) (year|date|day|month|decade|century)\b|\bin what year\b")
_COUNT = re.compile(r"\bhow (many|much|long|far|big|large|old|fast|hot|heavy|wide|high|deep|tall|often)\b")
_WHO = re.compile(r"\b(who|whom|whose)\b")
_AMOUNT = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|"
    r"hundred|thousand|million|billion|half|twice|once|few|several|daily|every)\b",
    re.IGNORECASE,
)


def verify(
    answer: Answer,
    bullets: Sequence[Bullet],
    found: Found | None,
    tau: float,
    *,
    question: str = "",
    extra: Mapping[str, float] | None = None,
    calibration: Calibration | None = None,
) -> Verdict:
    """The verdict on one answer; `supported` = score >= tau. `extra` are features that only the caller can
    know (similarity, relevance, retrieval, samples).

    Uncalibrated, the score is the weighted mean of those of WEIGHTS that are known, halved when the
    evidence does not hold the answer; without bullets only `willing` is known, and 0.5 stands for a tier that
    does not tell even that.
    """
    parts = features(answer, bullets, found, question) | dict(extra or {})
    parts = {name: round(value, 4) for name, value in parts.items()}
    if calibration is not None:
        score = calibration.probability(parts)
        doubt = weakest(calibration.pulls(parts)) if _held(parts) else missing(answer, bullets)
        return _judged(parts, score, tau, doubt, True)
    if not bullets:
        score = parts.get("willing", UNKNOWN)
        return _judged(parts, score, tau, "there is no evidence to hold it against", False)
    known = {name: weight for name, weight in WEIGHTS.items() if name in parts}
    whole = sum(known.values())
    score = sum(weight * parts[name] for name, weight in known.items()) / whole if whole else UNKNOWN
    held = _held(parts)
    doubt = weakest({name: parts[name] for name in known}) if held else missing(answer, bullets)
    return _judged(parts, score if held else score / 2, tau, doubt, False)


def features(
    answer: Answer, bullets: Sequence[Bullet], found: Found | None, question: str = ""
) -> dict[str, float]:
    """The parts of a verdict, each 0..1; of an answer of several sentences the worst one counts.

    coverage, bigrams: share of the answer's stems (pairs of them) in the cited bullets. numbers, names: all
    of the answer's stand there (1) or not (0). agreement: token F1 with the reader's span; answerable: 1 -
    its P(no answer); span: its P(span); standing: its P(the answer starts in a cited bullet). willing: 1 -
    P(refusal); certain: probability at the low quantile of the answer's tokens; sure: their geometric mean.
    asked: share of the question's stems in the cited bullets; fresh: share of the answer's that the question
    does not hold; fitting: it is a date, a number or a name where one is asked for; brief: 1 for one word, 0
    from LONG on. A tier that tells no probabilities (an endpoint) has no willing, certain or sure.
    """
    parts = {} if answer.refusal is None else {"willing": 1 - answer.refusal}
    if logprobs := sorted(answer.logprobs):
        parts["certain"] = math.exp(logprobs[int(LOW * len(logprobs))])
        parts["sure"] = math.exp(sum(logprobs) / len(logprobs))
    if question:
        parts["fitting"] = _fitting(question, answer.text)
        parts["fresh"] = 1 - _coverage(answer.text, question)
    length = len(answer.text.split())
    parts["brief"] = 1 - min(1.0, (length - 1) / (LONG - 1)) if length else 0.0
    if not bullets:
        return parts
    cited = [bullet for bullet in bullets if bullet.number in answer.citations] or list(bullets)
    text = " ".join(bullet.text for bullet in cited)
    parts |= lexical(answer.text, text)
    if question:
        parts["asked"] = _coverage(question, text)
        best = max(_coverage(question, bullet.text) for bullet in bullets)
        parts["leading"] = parts["asked"] / best if best else 1.0
    if found is not None:
        parts |= {"agreement": overlap(answer.text, found.text), "answerable": 1 - found.none}
        parts |= {"span": found.probability, "standing": _standing(found, bullets, cited)}
    return {name: min(1.0, max(0.0, value)) for name, value in parts.items()}


def lexical(claim: str, evidence: str) -> dict[str, float]:
    """What can be told from words alone: coverage, bigrams, numbers, names of the claim's worst sentence."""
    pieces = [sentence.text for sentence in sentences(claim)] or [claim]
    each = [
        {
            "coverage": _coverage(piece, evidence),
            "bigrams": _bigrams(piece, evidence),
            "numbers": _all_in(NUMBER, piece, evidence),
            "names": _all_in(NAME, piece, evidence),
        }
        for piece in pieces
    ]
    return {name: min(one[name] for one in each) for name in each[0]}


def overlap(answer: str, other: str) -> float:
    """Token F1 of two short texts over their stems, 0..1; 0 when either has none."""
    ours, theirs = words(answer) or answer.lower().split(), words(other) or other.lower().split()
    shared = sum(min(ours.count(word), theirs.count(word)) for word in set(ours))
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


def holds(text: str, answer: str) -> bool:
    """Whether `text` has every stem, number and name of `answer`."""
    return all(value == 1 for name, value in lexical(answer, text).items() if name != "bigrams")


def _coverage(answer: str, text: str) -> float:
    asked, held = words(answer), set(words(text))
    return (
        sum(word in held for word in asked) / len(asked) if asked else float(answer.lower() in text.lower())
    )


def _bigrams(answer: str, text: str) -> float:
    asked, held = list(pairwise(words(answer))), set(pairwise(words(text)))
    return sum(pair in held for pair in asked) / len(asked) if asked else _coverage(answer, text)


def _standing(found: Found, bullets: Sequence[Bullet], cited: Sequence[Bullet]) -> float:
    numbers, start, share = {bullet.number for bullet in cited}, 0, 0.0
    for bullet in bullets:
        if bullet.number in numbers:
            share += found.within(start, start + len(bullet.text) + 1)
        start += len(bullet.text) + 1
    return share


def _fitting(question: str, answer: str) -> float:
    asked = question.lower()
    if _WHEN.search(asked):
        return float(bool(re.search(r"\d|century|ago", answer)))
    if _COUNT.search(asked):
        return float(bool(_AMOUNT.search(answer)))
    if _WHO.search(asked):
        return float(bool(NAME.search(answer)) and not re.search(r"\d{3}", answer))
    return 0.5


def _all_in(pattern: re.Pattern[str], answer: str, text: str) -> float:
    held = standing(pattern, text)
    return float(all(bare(match) in held for match in pattern.findall(answer)))


def _judged(parts: dict[str, float], score: float, tau: float, doubt: str, calibrated: bool) -> Verdict:
    supported = score >= tau
    name = "P(correct)" if calibrated else "score"
    reason = f"accepted: {name} {score:.2f} is at least tau {tau:.2f}" if supported else f"refused: {doubt}"
    return Verdict(supported, score, parts, reason, calibrated, doubt)


def _held(parts: Mapping[str, float]) -> bool:
    if "coverage" not in parts:
        return True
    return parts["coverage"] >= COVERED and parts["numbers"] == parts["names"] == 1
