"""Ask one question of an experiment's best arm, and show what it was answered from."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.errors import ConfigError
from engine.inference.cascade import SILENT
from engine.inference.trace import Draft, Trace
from jobs.opened import model_of, open_experiment


def ask(question: str, name: str, device: str | None = None) -> dict[str, Any]:
    """Answer `question` as the experiment `name` does: bullets, answer, citations, verdict, tokens,
    milliseconds by stage; `error` where a tier failed and nothing was left to ask, beside what was found up
    to there."""
    from engine.inference.orchestrator import Answered, answer

    if not question.strip():
        raise ConfigError(
            "The question is empty: write it in quotes, like: "
            'python -m jobs ask "Who found Titan?" --name space'
        )
    opened = open_experiment(name, device)
    arm, model = opened.arm, opened.manifest["spec"]["large" if opened.arm == "large" else "small"]
    parts, spec = opened.parts(), opened.spec()
    warnings = opened.warnings(model_of(arm))
    if found := opened.cascade():
        (parts, spec), arm = found, "cascade"
    for _ in range(2):  # the first answer pays for loading, so the times are the second one's
        *_, end = answer(parts, question, spec)
        if not isinstance(end, Answered):
            raise ValueError("the events ended without an answer")
        trace = end.trace
        if trace.error:
            break
    return described(trace, opened.titles) | {"arm": arm, "model": model, "warnings": warnings}


def described(trace: Trace, titles: Mapping[str, str]) -> dict[str, Any]:
    """A trace as plain data, for machines: the keys that `ask --json` and the playground's /ask share."""
    return {
        "question": trace.question,
        "answer": trace.answer.text,
        "refused": trace.answer.refused,
        "citations": [
            {
                "bullet": bullet.number,
                "document": bullet.document,
                "title": titles.get(bullet.document, bullet.document),  # made again since it was asked
                "start": bullet.start,
                "end": bullet.end,
                "place": bullet.place,
            }
            for bullet in trace.bullets
            if bullet.number in trace.answer.citations
        ],
        "bullets": [asdict(bullet) for bullet in trace.bullets],
        "verdict": asdict(trace.verdict) if trace.verdict else None,
        "tier": trace.tier,
        "decision": trace.decision,
        "drafts": [_draft(draft) for draft in trace.drafts],
        "cost": trace.cost,
        "cost_of": trace.cost_of,
        "low_relevance": trace.low_relevance,
        "notes": list(trace.notes),
        "error": trace.error,
        "shaped": trace.shaped,
        "tokens": {
            "prompt": trace.prompt_tokens,
            "output": trace.output_tokens,
            "evidence": trace.evidence_tokens,
            "full": trace.full_tokens,
        },
        "ms": {stage: round(value, 1) for stage, value in trace.ms.items()},
    }


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "tier": draft.tier,
        "answer": draft.answer.text,
        "refused": draft.answer.refused,
        "citations": list(draft.answer.citations),
        "moved": draft.answer.moved,
        "again": draft.again,
        "verdict": asdict(draft.verdict) if draft.verdict else None,
        "samples": [sample.text for sample in draft.samples],
        "agreement": draft.agreement,
        "tokens": {"prompt": draft.prompt_tokens, "output": draft.output_tokens},
    }


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    cited = {one["bullet"] for one in result["citations"]}
    verdict, tokens, ms = result["verdict"], result["tokens"], result["ms"]
    unweighed = SILENT if result["refused"] else "none, it could not be weighed"
    lines = [_bullet(bullet, bullet["number"] in cited) for bullet in result["bullets"]]
    said = [
        f"Answer: {result['answer']}" + "".join(f" [{number}]" for number in sorted(cited)),
        f"Verdict: {verdict['reason'] if verdict else unweighed}",
        *([f"Decision: {result['decision']}"] if len(result["drafts"]) > 1 else []),
    ]
    lines += [
        "",
        *([] if result["error"] else said),
        f"Tokens: {tokens['prompt']} in the prompt, {tokens['output']} out; "
        f"evidence {tokens['evidence']} instead of {tokens['full']}",
        f"Milliseconds: {', '.join(f'{stage} {value:.0f}' for stage, value in ms.items())}, "
        f"in all {sum(ms.values()):.0f}",
    ]
    return "\n".join(lines + [f"Note: {warning}" for warning in (*result["warnings"], *result["notes"])])


def _bullet(bullet: dict[str, Any], cited: bool) -> str:
    where = ", ".join(filter(None, (bullet["document"], bullet["place"])))
    return f"{'*' if cited else ' '} [{bullet['number']}] {bullet['text']}  ({where})"
