"""The bench on a corpus of three documents: that it measures and says what, never how fast it is."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import read_manifest
from engine.data.load import load
from engine.data.records import Corpus, Question
from engine.device import pick
from engine.progress import Metric, Progress, silent
from jobs import bench, bench_train
from jobs.bench_page import page
from tests.commands import QUESTIONS, Command, Material

UNITS = {
    "index": "chunks/s",
    "index_growth": "ratio",
    "query_p50": "ms",
    "query_p95": "ms",
    "answers": "answers/s",
    "answer_p50": "ms",
    "answer_p95": "ms",
    "decode": "tokens/s",
    "train": "tokens/s",
}
RESULT: dict[str, Any] = {
    "machine": "A machine <of ours>, 2 cores",
    "device": "cpu",
    "threads": 2,
    "memory_gb": 8.0,
    "load_before": 0.25,
    "figures": {
        name: {"value": 1234.5 if unit == "tokens/s" else 12.345, "unit": unit, "what": f"<{name}> measured"}
        for name, unit in UNITS.items()
    },
    "curves": {
        "query_ms": [3.0, 1.0, 2.0],
        "answer_ms": [30.0, 10.0],
        "growth_documents": [4, 40],
        "growth_rates": [9.0, 8.5],
    },
    "seconds": 61.0,
    "report": "somewhere",
}


@pytest.mark.slow
def test_it_measures_everything_and_names_the_machine(
    material: Material, here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = load(material.documents).documents
    evidence = {
        gold: next(d for d in documents if gold in " ".join(d.text.split()))
        for _, golds in QUESTIONS
        for gold in golds[:1]
    }
    asked = [
        Question(
            str(number),
            question,
            golds,
            evidence[golds[0]].id if golds else None,
            sentence(evidence[golds[0]].text, golds[0]) if golds else "",
        )
        for number, (question, golds) in enumerate(QUESTIONS)
    ]
    monkeypatch.setattr(bench, "samples", lambda _: Corpus(documents, tuple(asked)))
    monkeypatch.setattr(bench, "GROWTH", 2)
    monkeypatch.setattr(bench_train, "SECONDS", 0.0)
    ran = here("bench", "--json", home=tmp_path)
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert {name: figure["unit"] for name, figure in result["figures"].items()} == UNITS
    assert all(
        math.isfinite(figure["value"]) and figure["value"] > 0 for figure in result["figures"].values()
    )
    assert all(figure["what"] for figure in result["figures"].values())
    assert result["figures"]["query_p50"]["value"] <= result["figures"]["query_p95"]["value"]
    assert result["machine"] == pick().label and result["threads"] >= 1
    assert result["sample"]["documents"] == 3 and len(result["curves"]["query_ms"]) == len(QUESTIONS)
    assert [line.split()[1] for line in ran.err.splitlines()] == ["index", "queries", "answers", "train"]
    folder = Path(result.pop("report"))
    assert folder.parent == tmp_path / "artifacts" / "bench"
    assert json.loads((folder / "bench.json").read_text()) == result
    assert read_manifest(folder)["kind"] == "bench"
    assert result["machine"] in (folder / "bench.html").read_text()


def sentence(text: str, answer: str) -> str:
    """The sentence of `text` that holds `answer`, as the document has it."""
    return next(
        part.strip() for part in text.replace("\n\n", ". ").split(". ") if answer in " ".join(part.split())
    )


def test_a_person_sees_every_figure_with_its_unit() -> None:
    text = bench.shown(RESULT)
    assert text.startswith("A machine <of ours>, 2 cores (cpu, 2 threads); load before it began: 0.2")
    for name, unit in UNITS.items():
        (line,) = [line for line in text.splitlines() if line.endswith(f"<{name}> measured")]
        assert line.startswith(name.replace("_", " ")) and f" {unit} " in line
    assert "1,234 tokens/s" in text or "1,235 tokens/s" in text
    assert "Took 61 s" in text


@pytest.mark.parametrize(
    ("value", "said"), [(1234.4, "1,234"), (99.96, "100.0"), (12.34, "12.3"), (9.874, "9.87"), (0.5, "0.50")]
)
def test_a_number_is_rounded_to_what_it_means(value: float, said: str) -> None:
    assert bench.rounded(value) == said


def test_the_page_needs_no_network_and_shows_texts_as_they_are() -> None:
    text = page(RESULT)
    assert "&lt;of ours&gt;" in text and "<of ours>" not in text
    assert "&lt;train&gt; measured" in text
    assert text.count('class="plotly-graph-div"') == 2
    outside = text.replace(text[text.index("<script>") : text.index("</script>")], "")
    assert "http://" not in outside and "https://" not in outside


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_training_speed_leaves_out_the_first_report_which_pays_for_starting_up() -> None:
    clock = Clock()
    watch = bench_train._Watch(15.0, silent, clock)
    watch(Progress("train", 0, 100, "steps"))
    for seconds, tokens in ((10.0, 1000.0), (12.0, 2000.0), (14.0, 4000.0)):
        clock.now = seconds
        watch(Progress("train", 5, 100, "steps"))
        watch(Metric("loss", 5, 1.0))
        watch(Metric("num_tokens", 5, tokens))
    assert watch.rates() == [500.0, 1000.0]
    assert watch.rate() == (750.0, 3000.0)
    clock.now = 16.0
    with pytest.raises(bench_train._Enough):
        watch(Metric("num_tokens", 20, 5000.0))
    assert watch.rate() == (4000.0 / 6.0, 4000.0)


def test_a_machine_that_is_too_slow_for_two_reports_gives_the_first() -> None:
    clock = Clock()
    watch = bench_train._Watch(15.0, silent, clock)
    watch(Progress("train", 0, 100, "steps"))
    clock.now = 40.0
    with pytest.raises(bench_train._Enough):
        watch(Metric("num_tokens", 5, 4000.0))
    assert watch.rates() == [100.0] and watch.rate() == (100.0, 4000.0)
