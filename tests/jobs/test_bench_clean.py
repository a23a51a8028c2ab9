"""The bench of cleaning: that it finds what it planted and says what it measured, never how fast it is."""

import json
from pathlib import Path

from jobs.bench_clean import LETTERS, NOTICE, made, shown
from tests.commands import Command


def test_documents_are_the_same_for_the_same_seed_and_of_the_size_that_is_said() -> None:
    documents, planted = made(300)
    assert made(300) == (documents, planted) and made(300, seed=1)[0] != documents
    assert len({document.id for document in documents}) == 300
    plain = [document for document in documents if NOTICE in document.text]
    assert planted["notice"] == len(plain) > 280
    assert sum(LETTERS - 100 <= len(document.text) <= LETTERS + 100 for document in plain) > 270
    assert planted["exact"] == 5 and planted["near"] == 9 and planted["language"] == planted["quality"] == 6


def test_every_filter_finds_what_was_planted_for_it(here: Command, tmp_path: Path) -> None:
    ran = here("bench", "--clean", "300", "--json", home=tmp_path)
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    small, large = result["runs"]
    assert (small["documents"], large["documents"]) == (100, 300)
    planted, found = large["planted"], large["found"]
    assert found == planted
    gone = sum(planted[name] for name in ("exact", "near", "language", "quality", "length"))
    assert large["kept"] == 300 - gone
    assert set(large["steps"]) >= {"normalise", "boilerplate", "language", "quality", "exact", "near", "pii"}
    assert all(run["seconds"] > 0 and run["processor"] > 0 and run["peak_mb"] > 10 for run in result["runs"])
    text = shown(result)
    assert f"near{planted['near']:>18} of {planted['near']}" in text and "documents/s" in text
