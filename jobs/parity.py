"""Whether a Space answers as the lab did: a few questions with the lab's answers, asked again where it runs.

What is asked is what the Space serves: the calibrated cascade where there is one, else the best arm. Run by
the Space's own `python main.py --check`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.artifact import read_lines, write_lines
from engine.catalog import lookup
from engine.errors import LabError
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts
from engine.inference.trace import Answer, Trace, Verdict
from engine.inference.weights import smollm2_is_here
from jobs.opened import Opened, model_of

SAMPLES = 12
FILE = "samples.jsonl"
TOLERANCE = 0.01  # of a score: another processor adds up in another order


class Checked(NamedTuple):
    """What differs from the lab's answers, in words; nothing if the same is said from the same evidence, as
    sure and by the same tier. `note` says what could not be compared."""

    words: list[str]
    note: str


def sample(opened: Opened, questions: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is answered now, draft by draft, to `questions` (some test questions, spread over them)."""
    from engine.inference.orchestrator import all_answered, answer_many

    every = opened.test or opened.questions
    step = max(1, len(every) // SAMPLES)
    asked = list(questions) or [one.question for one in every[::step][:SAMPLES]]
    parts, spec = _served(opened)
    return [_kept(trace) for trace in all_answered(answer_many(parts, asked, spec))]


def check(opened: Opened, samples: Sequence[dict[str, Any]]) -> Checked:
    """Ask again and compare. An answer that took a tier which is not the lab's here is compared up to there.
    Raises ModelError when the adapter does not fit what it is served with."""
    parts, _ = _served(opened)
    words = opened.warnings(model_of(opened.arm))
    others, without = _others(parts), 0
    for was, now in zip(samples, sample(opened, [one["question"] for one in samples]), strict=True):
        about, drafts = repr(was["question"]), list(zip(was["drafts"], now["drafts"], strict=False))
        words += _differing(about, was, now, ("bullets",))
        for one, other in drafts:
            if one["tier"] not in others:
                words += _differing(f"{about}, draft of {one['tier']}", one, other, tuple(one))
        if others & {draft["tier"] for draft in was["drafts"]}:
            without += 1
            continue
        words += _differing(about, was, now, ("tier", "answer", "citations", "score"))
        if len(was["drafts"]) != len(now["drafts"]):
            words.append(f"{about}: {len(now['drafts'])} drafts in place of {len(was['drafts'])}")
    note = (
        f"{without} of {len(samples)} answers took {' and '.join(sorted(others))}, which is not the lab's "
        "here (it cannot be had, or its weights are the hub's own): compared up to there."
    )
    return Checked(words, note if without else "")


def read(file: Path) -> list[dict[str, Any]]:
    """The samples that were kept."""
    return list(read_lines(file))


def write(file: Path, samples: Sequence[dict[str, Any]]) -> None:
    """Keep samples, one a line."""
    write_lines(file, samples)


def _served(opened: Opened) -> tuple[Parts, AnswerSpec]:
    return opened.cascade() or (opened.parts(), opened.spec())


def _others(parts: Parts) -> set[str]:
    """The tiers that are not the lab's here: their model can't be loaded, or it is SmolLM2 as the hub has it,
    in another precision."""
    return {tier.name for tier in parts.ladder if isinstance(tier, LocalTier) and _other(tier)}


def _other(tier: LocalTier) -> bool:
    try:
        entry = tier.loaded.entry
    except LabError:
        return True
    base = lookup(entry.base) if entry.source == "adapter" else entry
    return base.source == "package" and not smollm2_is_here()


def _kept(trace: Trace) -> dict[str, Any]:
    return {
        "question": trace.question,
        "bullets": [[bullet.document, bullet.start, bullet.end] for bullet in trace.bullets],
        "drafts": [_said(draft.tier, draft.answer, draft.verdict) for draft in trace.drafts],
        **_said(trace.tier, trace.answer, trace.verdict),
    }


def _said(tier: str, answer: Answer, verdict: Verdict | None) -> dict[str, Any]:
    score = round(verdict.score, 4) if verdict else None
    return {"tier": tier, "answer": answer.text, "citations": list(answer.citations), "score": score}


def _differing(about: str, was: dict[str, Any], now: dict[str, Any], keys: Sequence[str]) -> list[str]:
    return [
        f"{about}: {key} {now[key]!r} in place of {was[key]!r}"
        for key in keys
        if _differs(was[key], now[key])
    ]


def _differs(was: Any, now: Any) -> bool:
    if isinstance(was, float) and isinstance(now, float):
        return abs(was - now) > TOLERANCE
    return bool(was != now)
