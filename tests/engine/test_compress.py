"""Bullets are sentences of the documents, in their order, each once, and none where there is no evidence."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.records import Document
from engine.retrieval.compress import DUPLICATE, PASSAGE_WEIGHT, compress, is_heading
from engine.retrieval.index import Index, build
from engine.retrieval.search import search
from engine.retrieval.words import words

APOLLO = (
    "# Apollo 11\n\nApollo 11 was launched from Florida on 16 July 1969. It carried three astronauts. "
    "Neil Armstrong was the first person to walk on the Moon. Buzz Aldrin followed nineteen minutes later. "
    "Michael Collins stayed in orbit. "
    "#1 of the flight's aims was a safe return. The crew came down in the Pacific on 24 July."
)
MARS = (
    "# Mars\n\nMars has two small moons. They are called Phobos and Deimos. "
    "Asaph Hall found both of them in August 1877. "
    "Phobos rises in the west. Mars has two small moons. Its largest volcano is Olympus Mons."
)
COPY = (
    "The ship left Florida in summer. Neil Armstrong was the first person to walk on the Moon. "
    "He was thirty-eight."
)
DOCUMENTS = {"apollo": APOLLO, "mars": MARS, "copy": COPY}
QUESTIONS = (
    "Who was the first to walk on the Moon?",
    "Which moons does Mars have and who found them?",
    "When was Apollo 11 launched?",
    "",
    "the of and",
    "How do I bake bread?",
)


@pytest.fixture(scope="module")
def index() -> Index:
    titles = {"apollo": "Apollo 11", "mars": "Mars", "copy": "A copy"}
    return build([Document(name, titles[name], text) for name, text in DOCUMENTS.items()], size=64)


def bullets(index: Index, question: str, most: int = 8, k: int = 4, **options: Any) -> list[Any]:
    return compress(index, question, search(index, question, k), most, **options)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(st.sampled_from(QUESTIONS), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)),
    st.integers(0, 9),
    st.integers(0, 6),
    st.sampled_from([-1.0, 0.0, 0.1, 0.3]),
)
def test_whatever_is_asked_bullets_are_sentences_at_their_places(
    index: Index, question: str, most: int, k: int, floor: float
) -> None:
    hits = search(index, question, k)
    made = compress(index, question, hits, most, floor=floor)
    assert len(made) <= most
    assert [bullet.number for bullet in made] == list(range(1, len(made) + 1))
    for bullet in made:
        assert DOCUMENTS[bullet.document][bullet.start : bullet.end] == bullet.text
        assert not bullet.text.startswith("# ")
        assert bullet.text in index.chunks[bullet.chunk].text
        assert bullet.chunk in {hit.position for hit in hits}
    order = list(dict.fromkeys(hit.chunk.document for hit in hits))
    places = [(order.index(bullet.document), bullet.start) for bullet in made]
    assert places == sorted(places)
    assert made == compress(index, question, hits, most, floor=floor), "not the same twice"


def test_the_bullets_with_the_best_scores_are_taken(index: Index) -> None:
    """Scores, counted here in plain loops from the texts, the vectors of the embedder and the hits."""
    question = QUESTIONS[1]
    hits = search(index, question, 4)
    asked, vector = set(words(question)), index.embedder.vectors([question])[0]
    weight = sum(index.idf(word) for word in asked)
    expected: dict[str, float] = {}
    for hit in hits:
        for sentence in hit.chunk.sentences:
            overlap = sum(index.idf(word) for word in asked & set(words(sentence.text))) / weight
            cosine = float(index.embedder.vectors([sentence.text])[0] @ vector)
            if not sentence.text.startswith("# "):
                expected[sentence.text] = 0.5 * overlap + 0.5 * cosine + PASSAGE_WEIGHT * hit.fused
    ranked = sorted(expected, key=lambda text: -expected[text])
    made = bullets(index, question, 4)
    assert {bullet.text for bullet in made} == set(ranked[:4])
    assert [bullet.score for bullet in made] == pytest.approx(
        [expected[bullet.text] for bullet in made], abs=2e-3
    )


def test_what_is_nearly_the_same_is_said_once(index: Index) -> None:
    hits = search(index, QUESTIONS[0], 10)
    assert {hit.chunk.document for hit in hits} >= {"apollo", "copy"}
    made = compress(index, QUESTIONS[0], hits, 20, floor=-1)
    vectors = index.embedder.vectors([bullet.text for bullet in made])
    close = vectors @ vectors.T - np.eye(len(made))
    assert close.max() < DUPLICATE + 1e-3
    assert sum("first person to walk" in bullet.text for bullet in made) == 1
    assert sum("two small moons" in bullet.text for bullet in made) == 1
    assert len(made) > 10


def test_overlapping_chunks_give_no_sentence_twice() -> None:
    index = build([Document("apollo", "Apollo 11", APOLLO)], size=64, overlap=2)
    assert len(index.chunks) > 1
    made = compress(index, QUESTIONS[0], search(index, QUESTIONS[0], 9), 20, floor=-1)
    assert all(one.end <= other.start for one, other in pairwise(made))


def test_below_the_floor_there_is_no_evidence(index: Index) -> None:
    assert bullets(index, "How do I bake bread?") == []
    assert bullets(index, QUESTIONS[0], floor=2.0) == []
    assert bullets(index, QUESTIONS[0], most=0) == []
    assert compress(index, QUESTIONS[0], [], 8) == []
    assert len(bullets(index, QUESTIONS[0])) >= 3


def test_one_sentence_above_the_floor_keeps_the_others(index: Index) -> None:
    """The floor tells evidence from none; it does not thin the evidence out."""
    free = bullets(index, QUESTIONS[0], floor=-1)
    assert bullets(index, QUESTIONS[0], floor=0.5) == free
    assert len(free) == 8


def test_the_answer_is_among_few_bullets(index: Index) -> None:
    for question, answer in zip(QUESTIONS, ("Neil Armstrong", "Asaph Hall", "16 July 1969"), strict=False):
        assert any(answer in bullet.text for bullet in bullets(index, question, 3)), question


def test_the_questions_vector_may_be_given(index: Index) -> None:
    vector = index.embedder.vectors([QUESTIONS[2]])[0]
    assert bullets(index, QUESTIONS[2], vector=vector) == bullets(index, QUESTIONS[2])


@pytest.mark.parametrize(
    ("text", "heading"), [("# Mars", True), ("###### x", True), ("#1 of all", False), ("Mars #", False)]
)
def test_a_heading_states_nothing_and_a_number_sign_is_no_heading(text: str, heading: bool) -> None:
    """Every sentence that began with # was left out, "#1 of the flight's aims" too."""
    assert is_heading(text) is heading
