"""Ask one question of an experiment's best arm, and show what it was answered from."""

from dataclasses import asdict
from typing import Any

from engine.artifact import read_manifest, whole
from engine.errors import ConfigError
from jobs.workspace import artifact, checked_name

BEST = ("lora+rag+compress", "rag+compress", "large", "lora+rag", "rag", "lora", "baseline")


def ask(question: str, name: str, device: str | None = None) -> dict[str, Any]:
    """Answer `question` as the experiment `name` does: bullets, answer, citations, verdict, tokens,
    milliseconds by stage."""
    from engine.inference.extract import reader
    from engine.inference.model import load
    from engine.inference.orchestrator import AnswerSpec, Parts, answer, last
    from engine.retrieval import index as indexes
    from engine.training.adapters import check

    if not question.strip():
        raise ConfigError(
            "The question is empty: write it in quotes, like: "
            'python -m jobs ask "Who found Titan?" --name space'
        )
    place = artifact("experiment", checked_name(name))
    if not whole(place):
        raise ConfigError(
            f"There is no experiment {name!r} yet: run `python -m jobs quickstart --name {name}` first."
        )
    made = read_manifest(place)
    arm = next(one for one in BEST if one in made["arms"])
    spec = AnswerSpec(**made["arms"][arm]["answer"])
    if made["arms"][arm]["threshold"]:
        spec = spec.model_copy(update={"tau": made["arms"][arm]["threshold"]["tau"]})
    index = indexes.load(artifact("index", made["index"]))
    adapter = artifact("adapter", made["adapter"]) if arm.startswith("lora") else None
    model = made["spec"]["large"] if arm == "large" else made["spec"]["small"]
    loaded = load(model, adapter=adapter, device=device)
    warnings = check(adapter, loaded, index) if adapter else []
    parts = Parts(loaded, index, reader(device=device))
    last(answer(parts, question, spec))  # warm-up: the first answer pays for loading
    trace = last(answer(parts, question, spec))
    titles = {chunk.document: chunk.title for chunk in index.chunks}
    return {
        "question": question,
        "answer": trace.answer.text,
        "refused": trace.answer.refused,
        "citations": [
            {
                "bullet": bullet.number,
                "document": bullet.document,
                "title": titles[bullet.document],
                "start": bullet.start,
                "end": bullet.end,
            }
            for bullet in trace.bullets
            if bullet.number in trace.answer.citations
        ],
        "bullets": [asdict(bullet) for bullet in trace.bullets],
        "verdict": asdict(trace.verdict) if trace.verdict else None,
        "tokens": {
            "prompt": trace.prompt_tokens,
            "output": trace.output_tokens,
            "evidence": trace.evidence_tokens,
            "full": trace.full_tokens,
        },
        "ms": {stage: round(value, 1) for stage, value in trace.ms.items()},
        "arm": arm,
        "model": model,
        "warnings": warnings,
    }


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    cited = {one["bullet"] for one in result["citations"]}
    verdict, tokens, ms = result["verdict"], result["tokens"], result["ms"]
    lines = [_bullet(bullet, bullet["number"] in cited) for bullet in result["bullets"]]
    lines += [
        "",
        f"Answer: {result['answer']}" + "".join(f" [{number}]" for number in sorted(cited)),
        f"Verdict: {verdict['reason'] if verdict else 'the model says that it does not know'}",
        f"Tokens: {tokens['prompt']} in the prompt, {tokens['output']} out; "
        f"evidence {tokens['evidence']} instead of {tokens['full']}",
        f"Milliseconds: {', '.join(f'{stage} {value:.0f}' for stage, value in ms.items())}, "
        f"in all {sum(ms.values()):.0f}",
    ]
    return "\n".join(lines + [f"Note: {warning}" for warning in result["warnings"]])


def _bullet(bullet: dict[str, Any], cited: bool) -> str:
    return f"{'*' if cited else ' '} [{bullet['number']}] {bullet['text']}  ({bullet['document']})"
