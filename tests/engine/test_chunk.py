"""Cutting loses nothing: every letter is in a sentence, every sentence in a chunk, each at its place."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.data.records import Document
from engine.retrieval.chunk import Chunk, chunk
from engine.retrieval.embed import Embedder
from engine.retrieval.sentences import sentences
from engine.retrieval.words import words

FAST = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
PIECES = [
    *(
        "\n\n",
        "\n# Head\n",
        " Mr. Smith went. ",
        "\n- item ",
        "The end. ",
        "“Quoted.” ",
        "e.g. ",
        "3.14 ",
        "。",
        "!?",
        "…",
    ),
    *(
        "\r\n",
        "\u2028",
        "\x85",
        "\x00",
        "|---|---|\n",
        "\n```\ncode. more\n```\n",
        "a" * 120,
        "日本語の文章です。",
        "👩‍👩‍👧 ",
    ),
    *("e\u0301. ", "=" * 300, "1. one\n2. two\n", "\n> quoted\n", "x" * 9000, " ", "\t"),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), max_size=20).map("".join)
Lengths = Callable[[Sequence[str]], list[int]]


def counted(found: Sequence[str]) -> list[int]:
    """A tokenizer of words and single signs; unlike BERT's it has no unknown words."""
    return [len(re.findall(r"\w{1,8}|[^\w\s]", text)) for text in found]


def packed(document: str, size: int = 20, overlap: int = 0) -> list[Chunk]:
    return chunk([Document("d", "Title", document)], counted, size, overlap)


# sentences


@FAST
@given(texts)
@example("".join(PIECES))
def test_every_letter_of_a_text_is_in_a_sentence_at_its_place_and_in_order(text: str) -> None:
    found = sentences(text)
    covered: set[int] = set()
    for sentence in found:
        assert text[sentence.start : sentence.end] == sentence.text == sentence.text.strip() != ""
        covered.update(range(sentence.start, sentence.end))
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(match.start() in covered for match in re.finditer(r"\w", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n\t ", []),
        ("--- *** ===", []),
        ("Mr. Smith saw 3.5 m. of it. He left.", ["Mr. Smith saw 3.5 m. of it.", "He left."]),
        ("# Head\nOne. Two.\n\n- a\n- b", ["# Head", "One.", "Two.", "- a", "- b"]),
        ("It is broken\nacross lines. Next.", ["It is broken\nacross lines.", "Next."]),
    ],
)
def test_headings_items_and_paragraphs_end_a_sentence(text: str, expected: list[str]) -> None:
    assert [sentence.text for sentence in sentences(text)] == expected


# chunks


@FAST
@given(st.lists(texts, max_size=3), st.sampled_from([8, 20, 100]), st.integers(0, 2))
def test_chunks_hold_every_sentence_in_order_within_the_size(
    found: list[str], size: int, overlap: int
) -> None:
    documents = [Document(f"d{place}", "Title", text) for place, text in enumerate(found)]
    chunks = chunk(documents, counted, size, overlap)
    for document in documents:
        own = [made for made in chunks if made.document == document.id]
        covered: set[int] = set()
        for made in own:
            assert document.text[made.start : made.end] == made.text
            assert (made.start, made.end) == (made.sentences[0].start, made.sentences[-1].end)
            assert all(document.text[s.start : s.end] == s.text for s in made.sentences)
            assert all(one.end <= other.start for one, other in pairwise(made.sentences))
            covered.update(place for s in made.sentences for place in range(s.start, s.end))
            assert made.tokens <= size and counted([made.text])[0] <= size + len(made.sentences)
        assert all(one.start < other.start and one.end < other.end for one, other in pairwise(own))
        assert all(match.start() in covered for match in re.finditer(r"\w", document.text))
    assert [made.document for made in chunks] == sorted(made.document for made in chunks)


def test_the_embedders_window_is_never_exceeded(embedder: Embedder) -> None:
    """What stood between sentences (a table's rules) was not counted: chunks of 280 tokens came out."""
    size = 254

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=200)), min_size=10, max_size=60).map(
            "".join
        )
    )
    @example("One. " + "|---" * 400 + "\n\nTwo. " + "Three is a longer sentence than that. " * 60)
    def holds(text: str) -> None:
        made = chunk([Document("d", "T", text)], embedder.lengths, size)
        assert all(length <= size for length in embedder.lengths([one.text for one in made]))
        assert all(one.tokens <= size for one in made)

    holds()


def test_a_chunk_is_as_full_as_it_can_be() -> None:
    text = " ".join(f"This is sentence number {number}." for number in range(40))
    made = packed(text, size=20)
    assert [len(one.sentences) for one in made] == [3] * 13 + [1]
    assert [one.tokens for one in made] == [18] * 13 + [6]


def test_overlapping_sentences_stand_in_two_chunks() -> None:
    made = packed(" ".join(f"This is sentence number {number}." for number in range(12)), size=24, overlap=1)
    for one, other in pairwise(made):
        assert one.sentences[-1] == other.sentences[0]
    assert len(made[-1].sentences) > 1, "a chunk with nothing new"


def test_an_overlap_never_pushes_a_sentence_out_of_its_chunk() -> None:
    long = "word " * 18 + "end."
    made = packed(f"One two three. {long} Four five six. {long}", size=20, overlap=2)
    assert all(one.tokens <= 20 for one in made)
    assert {s.text for one in made for s in one.sentences} == {"One two three.", long, "Four five six."}


@pytest.mark.parametrize(
    "blob", ["x" * 50_000, "日本" * 5_000, "a,b;" * 5_000, "word " * 10_000, "=" * 40 + "x" * 20_000]
)
def test_a_huge_unbroken_string_is_cut(blob: str, embedder: Embedder) -> None:
    """The embedder reads a word of over 100 letters as one token: a chunk of 50,000 letters came out."""
    for lengths in (counted, embedder.lengths):
        made = chunk([Document("d", "T", f"Before it. {blob} After it.")], lengths, 100)
        assert all(len(one.text) <= 100 * 18 and one.tokens <= 100 for one in made)
        assert "".join("".join(one.text.split()) for one in made) == "".join(
            f"Before it. {blob} After it.".split()
        )


def test_nothing_gives_no_chunks() -> None:
    assert chunk([], counted) == []
    assert packed("") == packed(" \n ") == packed("-----") == []


def test_chunks_do_not_span_documents() -> None:
    made = chunk([Document("a", "A", "One."), Document("b", "B", "Two.")], counted, 100)
    assert [(one.document, one.title, one.text) for one in made] == [("a", "A", "One."), ("b", "B", "Two.")]


# words


def test_words_are_stems_without_stop_words() -> None:
    assert words("The landers LANDED, and the crater's edge (2.5 km)!") == [
        "lander",
        "land",
        "crater",
        "s",
        "edg",
        "2",
        "5",
        "km",
    ]
    assert words("this is the of") == words("") == words("?!") == []


@FAST
@given(st.text(max_size=80))
def test_words_of_any_text_are_lower_case_and_none_is_empty(text: str) -> None:
    found = words(text)
    assert all(word and word == word.lower() for word in found)
    assert found == words(f" {text}\n")
