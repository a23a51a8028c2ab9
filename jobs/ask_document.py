"""Ask one question of one file, however long, without an experiment: read it whole and retrieve from it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.catalog import SMALL
from engine.errors import ConfigError, DataError
from engine.progress import Report, silent


def ask_document(
    question: str, file: str, model: str = SMALL, device: str | None = None, report: Report = silent
) -> dict[str, Any]:
    """The answer with its citations in the file, and how both ways went. Raises DataError for a file that
    can't be read, holds no text or several documents."""
    from engine.data.load import load as load_documents
    from engine.inference.document import answer_document
    from engine.inference.extract import reader
    from engine.inference.model import load

    if not question.strip():
        raise ConfigError('The question is empty: write it in quotes, like: "Who found Titan?"')
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"There is no file {file}: give a text, Markdown, HTML, PDF or DOCX file.")
    if not path.stat().st_size:
        raise DataError(f"{path.name} is empty: give a document with a few sentences.")
    documents = load_documents(path).documents
    if len(documents) != 1:
        raise DataError(
            f"{path.name} holds {len(documents)} documents: give one document, or import them as a dataset."
        )
    loaded = load(model, device=device)
    trace = answer_document(loaded, documents[0], question, reader=reader(device=device), report=report)
    cited = [bullet for bullet in trace.bullets if bullet.number in trace.answer.citations]
    return {
        "question": question,
        "document": path.name,
        "model": loaded.name,
        "answer": trace.answer.text,
        "refused": trace.answer.refused,
        "way": trace.way,
        "agree": trace.agree,
        "citations": [asdict(bullet) for bullet in cited],
        "read": {
            "answer": trace.read.answer.text,
            "memory": [asdict(bullet) for bullet in trace.read.bullets],
            "tokens": trace.read.tokens,
            "evicted": trace.read.evicted,
            "held": trace.read.held,
            "cache_bytes": trace.read.bytes,
            "asked": trace.read.asked,
        },
        "retrieved": {
            "answer": trace.retrieved.answer.text,
            "bullets": [asdict(bullet) for bullet in trace.retrieved.bullets],
        },
        "ms": {stage: round(value) for stage, value in trace.ms.items()},
    }


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    read = result["read"]
    lines = [result["answer"], ""]
    for one in result["citations"]:
        lines.append(f"  [{one['number']}] {one['text']}" + (f"  ({one['place']})" if one["place"] else ""))
    lines += [
        "",
        f"{'Retrieved':<10} {result['retrieved']['answer']}",
        f"{'Read':<10} {read['answer']}",
        f"{read['tokens']:,} tokens of {result['document']} read by {result['model']}, {read['evicted']:,} "
        f"let go again; at most {read['held']:,} at once ({read['cache_bytes'] / 1e6:.1f} MB), asked "
        f"{read['asked']} times.",
        "Milliseconds: " + ", ".join(f"{stage} {value:,}" for stage, value in result["ms"].items()),
    ]
    return "\n".join(lines)
