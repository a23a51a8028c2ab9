"""Preference pairs: from votes, from a model's own samples that the verifier ranked, from escalations, from a
teacher asked for a good and a mediocre answer. Ties and pairs whose better side is only longer are left out,
with counts.

A preference trainer learns length before it learns anything else where the better answers are the longer ones
(Park and others 2024, "Disentangling Length from Quality in DPO"). Knows no trainer and no model.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from engine.data.records import Message, Pair
from engine.data.teacher import Request, chat
from engine.evaluation.metrics import accuracy, citation_correct, holds_answer
from engine.inference.prompt import answer_text
from engine.inference.trace import Answer, Bullet

VOTE, SAMPLES, ESCALATION, TEACHER = "vote", "on-policy", "escalation", "teacher"
KEPT, TIE, CLOSE, LENGTH, REPEATED, EMPTY = (
    "kept",
    "the same answer",
    "margin too small",
    "lengths too unlike",
    "repeated",
    "an empty side",
)
WRONG, RIGHT, NO_JSON = "the better answer is not right", "the worse answer is right", "no usable JSON"
SHORT = 8  # words that answers may differ in whatever their ratio


class Chosen(NamedTuple):
    """The pairs that are kept, and how many were kept and dropped by reason."""

    pairs: tuple[Pair, ...]
    counts: dict[str, int]


def choose(pairs: Iterable[Pair], margin: float = 0.1, ratio: float = 2.0) -> Chosen:
    """Keep pairs whose sides differ, by at least `margin` where it was measured, whose lengths (words) are
    within `ratio` of each other or SHORT words, each once."""
    counts: Counter[str] = Counter()
    kept: list[Pair] = []
    seen: set[tuple[Any, ...]] = set()
    for pair in pairs:
        verdict = _verdict(pair, margin, ratio)
        key = (pair.prompt, pair.chosen, pair.rejected)
        if verdict == KEPT and key in seen:
            verdict = REPEATED
        counts[verdict] += 1
        if verdict == KEPT:
            seen.add(key)
            kept.append(replace(pair, id=pair.id or f"{pair.origin}-{len(kept) + 1:05d}"))
    return Chosen(tuple(kept), dict(counts))


def from_ranked(
    prompt: Sequence[Mapping[str, str]],
    answers: Sequence[tuple[str, float]],
    origin: str = SAMPLES,
    identity: str = "",
) -> Pair | None:
    """The best of several answers against the worst, by their scores (0 to 1); None with fewer than two."""
    if len(answers) < 2:
        return None
    best, worst = max(answers, key=lambda one: one[1]), min(answers, key=lambda one: one[1])
    margin = round(best[1] - worst[1], 4)
    return Pair(identity, _messages(prompt), best[0], worst[0], origin, margin)


def from_votes(votes: Iterable[Mapping[str, Any]]) -> list[Pair]:
    """A pair of every vote for one side whose two sides were asked the same prompt; where the evidence
    differed the better answer is paired under its own prompt only if the other could have been given there
    too (a refusal or words without citation), so that no pair cites bullets that are not in its prompt."""
    found = []
    for vote in votes:
        if vote["vote"] not in ("left", "right"):
            continue
        better, worse = vote["left_side"], vote["right_side"]
        if vote["vote"] == "right":
            better, worse = worse, better
        if better["prompt"] != worse["prompt"] and not worse["refused"] and "[" in worse["raw"]:
            continue
        prompt = _messages(better["prompt"])
        found.append(Pair(f"vote-{vote['id']}", prompt, better["raw"], worse["raw"], VOTE, None))
    return found


def from_escalation(
    trace: Mapping[str, Any], prompt: Sequence[Mapping[str, str]], identity: str = ""
) -> Pair | None:
    """The answer of a later tier that stood, as it was served with its citation, against the first tier's
    draft under the same prompt; None where the first tier's own stood, or none did."""
    drafts = trace.get("drafts") or []
    stood = next((draft for draft in drafts[1:] if draft["tier"] == trace["tier"]), None)
    if stood is None or drafts[0]["tier"] == trace["tier"] or not (stood["verdict"] or {}).get("supported"):
        return None
    margin = stood["verdict"]["score"] - (drafts[0]["verdict"] or {}).get("score", 0.0)
    answer = stood["answer"]
    better = answer_text(answer["text"], next(iter(answer["citations"]), None))
    worse = drafts[0]["answer"]["raw"].strip()
    return Pair(identity, _messages(prompt), better, worse, ESCALATION, round(margin, 4))


MEDIOCRE = {
    "type": "object",
    "properties": {"good": {"type": "string"}, "mediocre": {"type": "string"}},
    "required": ["good", "mediocre"],
}
_ASK = (
    "You write training pairs. Answer the question from the numbered evidence twice, each time a short "
    'phrase and the number of the evidence, like: Paris [2]. "good" is right; where the evidence does not '
    'answer the question it is: I don\'t know. "mediocre" is of the same length and style and is the mistake '
    "a small model would make: a span of the evidence that does not answer, or a wrong number. Answer with "
    'JSON: {"good": ..., "mediocre": ...}'
)


def asking(prompt: Sequence[Mapping[str, str]]) -> Request:
    """What to ask a teacher for a pair under `prompt` (chat messages of the lab's own renderer)."""
    user = next(message["content"] for message in reversed(prompt) if message["role"] == "user")
    return Request(chat(_ASK, user), max_tokens=120, schema=MEDIOCRE)


def from_teacher(
    prompt: Sequence[Mapping[str, str]],
    value: Mapping[str, str],
    identity: str = "",
    margin: float | None = None,
) -> Pair:
    """The pair a teacher wrote."""
    sides = (value["good"].strip(), value["mediocre"].strip())
    return Pair(identity, _messages(prompt), *sides, TEACHER, margin)


def trusted(better: Answer, worse: Answer, bullets: Sequence[Bullet], golds: Sequence[str]) -> str:
    """KEPT, or why a pair teaches the wrong thing, told by the known right answers `golds`: the better answer
    holds one and cites a bullet that does, or refuses where no bullet holds one; the worse one doesn't."""
    if not _right(better, bullets, golds):
        return WRONG
    return RIGHT if _right(worse, bullets, golds) else KEPT


def _right(answer: Answer, bullets: Sequence[Bullet], golds: Sequence[str]) -> bool:
    if not golds or not any(holds_answer(bullet.text, golds) for bullet in bullets):
        return answer.refused
    return bool(accuracy(answer.text, golds) and citation_correct(answer, bullets, golds))


def tied(pair: Pair) -> bool:
    """Whether both sides say the same."""
    return " ".join(pair.chosen.casefold().split()) == " ".join(pair.rejected.casefold().split())


def trl(pair: Pair) -> dict[str, Any]:
    """The row of TRL's conversational preference format."""
    return {
        "prompt": [message._asdict() for message in pair.prompt],
        "chosen": [{"role": "assistant", "content": pair.chosen}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
    }


def _verdict(pair: Pair, margin: float, ratio: float) -> str:
    if not pair.chosen.strip() or not pair.rejected.strip():
        return EMPTY
    if tied(pair):
        return TIE
    if pair.margin is not None and pair.margin < margin:
        return CLOSE
    long, short = sorted((len(pair.chosen.split()), len(pair.rejected.split())), reverse=True)
    return LENGTH if long > ratio * short and long - short > SHORT else KEPT


def _messages(prompt: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    return tuple(Message(str(message["role"]), str(message["content"])) for message in prompt)
