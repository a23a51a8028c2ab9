"""Measure speed on this machine with the sample corpus: indexing, queries, answers, decoding, training.

Figures with their units and no verdict: what is fast is for whoever knows the machine to say. Run it with
`python -m jobs bench`; it takes under two minutes on two cores and makes a folder with bench.json and
bench.html.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from engine.artifact import write_json, writing
from engine.catalog import SMALL
from engine.data.load import samples
from engine.data.records import Document, Question
from engine.device import load_average, pick
from engine.evaluation.harness import time_answers
from engine.inference.decode import decode
from engine.inference.extract import reader
from engine.inference.model import Loaded
from engine.inference.model import load as load_model
from engine.inference.orchestrator import AnswerSpec, Parts, answer_many
from engine.inference.prompt import ask_messages, prompt_ids
from engine.progress import Progress
from engine.retrieval import index as indexes
from engine.retrieval.compress import compress
from engine.retrieval.search import search
from jobs.bench_page import page
from jobs.bench_train import training
from jobs.console import Console
from jobs.workspace import artifact

SAMPLE = "space"
STAGES = 4
GROWTH = 10
GROWTH_SECONDS = 20.0
FEWEST = 8
WARM_UP = 8
QUERIES, BATCHED, SINGLE = 200, 96, 30


class Figure(NamedTuple):
    """One measured number: `value` in `unit`, and what was done to measure it."""

    value: float
    unit: str
    what: str


def bench(console: Console) -> dict[str, Any]:
    """Measure, write bench.json and bench.html as an artefact, return what bench.json holds and where."""
    begun = time.monotonic()
    load_before = load_average()
    corpus = samples(SAMPLE)
    asked = [question.question for question in corpus.questions]
    figures: dict[str, Figure] = {}
    curves: dict[str, list[float]] = {}

    console.begin("index")
    index = _indexing(corpus.documents, figures, curves, console)
    console.end(_said(figures, "index", "index_growth"))

    console.begin("queries")
    _queries(index, asked, figures, curves, console)
    console.end(_said(figures, "query_p50", "query_p95"))

    console.begin("answers")
    loaded = load_model(SMALL, report=console)
    _answers(Parts(loaded, index, reader()), asked, figures, curves, console)
    _decoding(loaded, corpus.questions, figures)
    console.end(_said(figures, "answers", "answer_p50", "answer_p95", "decode"))

    console.begin("train")
    trained = training(SMALL, loaded.tokenizer, index, corpus.questions, console)
    figures["train"] = Figure(trained.rate, "tokens/s", trained.what)
    curves["train_tokens_per_s"] = trained.rates
    console.end(_said(figures, "train"))

    result = {
        **_machine(load_before),
        "sample": {
            "name": SAMPLE,
            "documents": len(corpus.documents),
            "chunks": len(index.chunks),
            "sentences": index.manifest["sentences"],
            "questions": len(asked),
        },
        "model": SMALL,
        "figures": {name: figure._asdict() for name, figure in figures.items()},
        "curves": curves,
        "seconds": round(time.monotonic() - begun, 1),
    }
    place = artifact("bench", datetime.now(UTC).strftime("%Y%m%dt%H%M%Sz").lower())
    with writing(place, {"kind": "bench", "machine": result["machine"]}) as folder:
        write_json(folder / "bench.json", result)
        (folder / "bench.html").write_text(page(result), encoding="utf-8")
    return result | {"report": str(place)}


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    lines = [f"{result['machine']} ({result['device']}, {result['threads']} threads)"]
    if result["load_before"] is not None:
        lines[0] += f"; load before it began: {result['load_before']:.1f}"
    lines.append("")
    for name, figure in result["figures"].items():
        value = f"{rounded(figure['value'])} {figure['unit']}"
        lines.append(f"{name.replace('_', ' '):<13} {value:<18} {figure['what']}")
    lines += ["", f"Took {result['seconds']:.0f} s. Figures: {Path(result['report']) / 'bench.html'}"]
    return "\n".join(lines)


def rounded(value: float) -> str:
    """A measured number with three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _indexing(
    documents: Sequence[Document],
    figures: dict[str, Figure],
    curves: dict[str, list[float]],
    console: Console,
) -> indexes.Index:
    indexes.build(documents[:1])  # warm-up: the embedder is loaded by this
    begun = time.perf_counter()
    index = indexes.build(documents, report=console)
    seconds = time.perf_counter() - begun
    chunks, sentences = len(index.chunks), index.manifest["sentences"]
    figures["index"] = Figure(
        chunks / seconds,
        "chunks/s",
        f"{chunks} chunks and {sentences} sentences of {len(documents)} documents",
    )
    # As many documents as can be indexed ten times over in the time there is.
    few = documents[: max(FEWEST, int(len(documents) * GROWTH_SECONDS / (GROWTH * seconds)))]
    many = [
        replace(document, id=f"{document.id}-{copy}", title=f"{document.title} {copy}")
        for copy in range(1, GROWTH + 1)
        for document in few
    ]
    # A processor's own time is the same on a busy machine; a GPU's is not counted in it.
    clock, unit = (
        (time.process_time, "processor second") if pick().kind == "cpu" else (time.perf_counter, "second")
    )
    rates = []
    for some in (few, many):
        begun = clock()
        made = indexes.build(some, report=console)
        rates.append(len(made.chunks) / (clock() - begun))
    what = f"chunks a {unit}: {rates[1]:.1f} at {len(many)} documents to {rates[0]:.1f} at {len(few)}"
    figures["index_growth"] = Figure(rates[1] / rates[0], "ratio", what)
    curves |= {"growth_documents": [len(few), len(many)], "growth_rates": rates}
    return index


def _queries(
    index: indexes.Index,
    asked: Sequence[str],
    figures: dict[str, Figure],
    curves: dict[str, list[float]],
    console: Console,
) -> None:
    def query(question: str) -> None:
        vector = index.embedder.vectors([question])[0]
        compress(index, question, search(index, question, vector=vector), vector=vector)

    for question in asked[-WARM_UP:]:
        query(question)
    chosen = asked[:QUERIES]
    ms = []
    for done, question in enumerate(chosen, 1):
        begun = time.perf_counter()
        query(question)
        ms.append(1000 * (time.perf_counter() - begun))
        console(Progress("query", done, len(chosen), "questions"))
    curves["query_ms"] = ms
    _percentiles("query", ms, f"search and compress, {len(chosen)} questions one at a time", figures)


def _answers(
    parts: Parts,
    asked: Sequence[str],
    figures: dict[str, Figure],
    curves: dict[str, list[float]],
    console: Console,
) -> None:
    spec = AnswerSpec()
    answer_many(parts, asked[-WARM_UP:], spec)
    chosen = asked[:BATCHED]
    begun = time.perf_counter()
    answer_many(parts, chosen, spec, console)
    rate = len(chosen) / (time.perf_counter() - begun)
    what = f"{SMALL}, {len(chosen)} questions from retrieval to verdict, in batches"
    figures["answers"] = Figure(rate, "answers/s", what)
    traces = time_answers(parts, spec, asked, SINGLE, console)
    ms = [sum(trace.ms.values()) for trace in traces]
    curves["answer_ms"] = ms
    _percentiles(
        "answer", ms, f"{SMALL}, from retrieval to verdict, {len(ms)} questions one at a time", figures
    )


def _decoding(loaded: Loaded, questions: Sequence[Question], figures: dict[str, Figure]) -> None:
    """Question writing: the longest answers that the lab decodes."""
    sources = [question for question in questions if question.answerable and question.evidence]
    prompts = [
        prompt_ids(loaded.tokenizer, ask_messages([source.evidence], source.answers[0]))
        for source in sources[:BATCHED]
    ]
    decode(loaded, prompts[:WARM_UP], max_new_tokens=28)
    begun = time.perf_counter()
    written = decode(loaded, prompts, max_new_tokens=28)
    seconds = time.perf_counter() - begun
    tokens = sum(len(one.ids) for one in written)
    what = (
        f"{SMALL} writes {len(prompts)} questions in batches: {tokens} tokens, reading the prompts included"
    )
    figures["decode"] = Figure(tokens / seconds, "tokens/s", what)


def _machine(load_before: float | None) -> dict[str, Any]:
    import psutil
    import torch

    where = pick()
    return {
        "machine": where.label,
        "device": where.kind,
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": load_before,
        "torch": torch.__version__,
    }


def _percentiles(name: str, ms: Sequence[float], what: str, figures: dict[str, Figure]) -> None:
    import numpy as np

    for share, value in zip((50, 95), np.percentile(ms, [50, 95]), strict=True):
        figures[f"{name}_p{share}"] = Figure(float(value), "ms", what)


def _said(figures: dict[str, Figure], *names: str) -> str:
    chosen = [(name, figures[name]) for name in names]
    return ", ".join(f"{name.replace('_', ' ')} {rounded(one.value)} {one.unit}" for name, one in chosen)
