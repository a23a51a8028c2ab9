"""The inspector's reasons add up to the compressor's score, and what it counts is what the bullets save."""

from typing import Any

import pytest

from engine.data.records import Document
from engine.retrieval import index as indexes
from engine.retrieval.compress import compress
from engine.retrieval.explain import InspectSpec, inspect, score
from engine.retrieval.search import search

TEXT = (
    "Huygens landed on Titan in January 2005. The probe sent pictures for ninety minutes. Titan is the "
    "largest moon of Saturn. Its lakes hold liquid methane."
)
DOCUMENTS = [
    Document("titan", "Titan", TEXT),
    Document("mars", "Mars", "Mars has two moons, Phobos and Deimos. A day lasts 24 hours and 37 minutes."),
]
QUESTION = "When did Huygens land on Titan?"


@pytest.fixture(scope="module")
def index(embedder: Any) -> indexes.Index:
    return indexes.build(DOCUMENTS)


def test_the_parts_add_up_to_the_score_that_chose_the_bullet(index: indexes.Index) -> None:
    seen = inspect(index, QUESTION, InspectSpec(k=2, bullets=4))
    assert len(seen.reasons) == 4
    for reason in seen.reasons:
        assert score(reason) == pytest.approx(reason.bullet.score, abs=1e-3)  # sentence vectors are float16


def test_it_shows_what_an_answer_would_get(index: indexes.Index) -> None:
    seen = inspect(index, QUESTION, InspectSpec(k=1, bullets=2, dense_weight=0.4))
    hits = search(index, QUESTION, 1, dense_weight=0.4)
    assert [(hit.position, hit.fused) for hit in seen.hits] == [(hit.position, hit.fused) for hit in hits]
    assert [reason.bullet for reason in seen.reasons] == compress(index, QUESTION, hits, 2)


def test_the_reason_names_the_words_as_they_were_asked(index: indexes.Index) -> None:
    (first, *_) = inspect(index, QUESTION, InspectSpec(k=1, bullets=1)).reasons
    assert {"Huygens", "Titan"} <= set(first.shared)
    assert "it holds" in first.words and "close to the question" in first.words


def test_tokens_saved_are_those_of_the_sentences_left_out(index: indexes.Index) -> None:
    seen = inspect(index, QUESTION, InspectSpec(k=1, bullets=1))
    assert seen.full_tokens == seen.hits[0].chunk.tokens
    assert seen.bullet_tokens == index.embedder.lengths([seen.reasons[0].bullet.text])[0]
    assert seen.saved == pytest.approx(1 - seen.bullet_tokens / seen.full_tokens)


def test_nothing_relevant_saves_nothing_to_show(index: indexes.Index) -> None:
    seen = inspect(index, "zxqv wvut", InspectSpec(floor=1.0))
    assert seen.reasons == [] and seen.bullet_tokens == 0 and seen.saved == 1.0
