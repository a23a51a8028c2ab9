"""Near words are neighbours in the embedder's table, no forms of the word; all else of a question stays."""

import random
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.training.noise import LEAST_COSINE, NEAREST, near_words, noised

NEAR = {"launched": ["fired", "sent"], "moon": ["planet"], "who": ["nobody"], "first": ["last"], "found": []}
QUESTION = "Who launched Apollo 11, the first ship to the moon, and what was found?"


@pytest.fixture(scope="module")
def near(embedder: Any) -> dict[str, list[str]]:
    return near_words(embedder)


def test_everything_but_content_words_stays_as_it_is() -> None:
    """Who, the and first are kept; Apollo is a name; found has no near word."""
    said = noised(QUESTION, NEAR, random.Random(1), share=1.0)
    assert re.fullmatch(
        r"Who (fired|sent) Apollo 11, the first ship to the planet, and what was found\?", said
    )


def test_the_share_says_how_much_is_replaced() -> None:
    assert noised(QUESTION, NEAR, random.Random(1), share=0.0) == QUESTION
    rng = random.Random(2)
    changed = sum("launched" not in noised(QUESTION, NEAR, rng, share=0.3) for _ in range(400))
    assert 80 < changed < 160


def test_chance_is_the_generators_alone() -> None:
    first, again = (
        [noised(QUESTION, NEAR, rng) for _ in range(9)] for rng in (random.Random(3), random.Random(3))
    )
    assert first == again
    assert len(set(first)) > 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from(QUESTION.split()), max_size=9).map(" ".join))
def test_words_are_replaced_one_for_one(question: str) -> None:
    said = noised(question, NEAR, random.Random(4), share=1.0)
    before, after = (re.findall(r"\w+|\W+", text) for text in (question, said))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new == old or new in NEAR[old]


def test_near_words_are_the_nearest_in_the_centred_table(near: dict[str, list[str]], embedder: Any) -> None:
    """Counted here with numpy for a few words, over all whole words of more than two letters."""
    vocabulary = embedder.model.tokenizer.get_vocab()
    table = embedder.model[0].auto_model.get_input_embeddings().weight.detach().double().numpy()
    known = [word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2]
    vectors = table - table.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = vectors[[vocabulary[word] for word in known]]
    assert near.keys() == set(known)
    for word in ("moon", "launched", "discovered", "telescope", "water"):
        cosines = rows @ vectors[vocabulary[word]]
        order = np.argsort(-cosines)[: NEAREST + 1]
        close = [known[place] for place in order if cosines[place] >= LEAST_COSINE]
        kept = [other for other in close if other[:4] != word[:4] and not word.startswith(other)]
        assert near[word] == kept
        assert kept, word


def test_no_near_word_is_a_form_of_the_word_itself(near: dict[str, list[str]]) -> None:
    """Words that begin with the same four letters (a shorter word: with all of it) count as forms of one."""
    pairs = [(word, other) for word, others in near.items() for other in others]
    assert len(pairs) > 1000
    assert [(one, two) for one, two in pairs if one.startswith(two[:4]) or two.startswith(one[:4])] == []
    assert all(len(others) <= NEAREST for others in near.values())


def test_words_without_a_near_one_are_left_alone(near: dict[str, list[str]]) -> None:
    alone = next(word for word, others in near.items() if not others)
    for question in (f"is {alone} there?", "is xylophonically there?"):
        assert noised(question, near, random.Random(0), share=1.0) == question


def test_the_table_is_made_once(near: dict[str, list[str]], embedder: Any) -> None:
    assert near_words(embedder) is near
