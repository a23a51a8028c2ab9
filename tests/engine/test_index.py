"""An index gives back what was put in, finds what a count by hand finds, and loads only if whole."""

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.load import load as read
from engine.data.records import Document
from engine.errors import ArtifactError, DataError, IndexError_
from engine.progress import Progress
from engine.retrieval import index as module
from engine.retrieval.compress import compress
from engine.retrieval.index import Index, build, load, save, titled
from engine.retrieval.search import Hit, search, search_many
from engine.retrieval.words import words
from tests.engine.test_documents import PAGE, pdf

FAST = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
VOCABULARY = [
    "moon",
    "crater",
    "rover",
    "orbit",
    "dust",
    "ice",
    "lander",
    "crew",
    "signal",
    "engine",
    "ocean",
]
VOCABULARY += ["storm", "ring", "comet", "tail", "probe"]
MOON = "The Moon orbits the Earth. Its craters were made by impacts. Neil Armstrong walked there in 1969."
MARS = "Mars has two moons, Phobos and Deimos. Asaph Hall found them in 1877. Its dust is red."
BREAD = "Sourdough bread rises slowly. Flour and water are left for days. It is baked in a hot oven."


class Hashed:
    """An embedder of a few lines: a fixed random direction for each word, summed, of length 1."""

    name, window, size = "hashed", 64, 24

    def vectors(self, texts: Sequence[str]) -> Any:
        rows = [
            sum((self._direction(word) for word in text.lower().split()), np.full(self.size, 1e-3))
            for text in texts
        ]
        made = np.array(rows, dtype=np.float32).reshape(len(texts), self.size)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def _direction(self, word: str) -> Any:
        seed = int.from_bytes(hashlib.sha256(word.strip(".,?").encode()).digest()[:4])
        return np.random.default_rng(seed).normal(size=self.size)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "embedder", lambda _: Hashed())


def test_what_is_found_names_its_page_or_section(hashed: None, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "log.pdf").write_bytes(pdf("The mast broke.", "Water came in.", "The anchor was lost at Holm."))
    (files / "guide.html").write_text(PAGE)
    (files / "notes.md").write_text("# Notes\n\n```\n# The crate\n```\n\n## Cargo\n\nThe salt stayed dry.\n")
    (files / "plain.txt").write_text("The keel was oak.")
    save(build(read(files).documents, size=40), tmp_path / "index")
    rows = [json.loads(line) for line in (tmp_path / "index" / "chunks.jsonl").read_text().splitlines()]
    assert {row["document"] for row in rows if "marks" not in row} == {"plain"}  # as before there were marks
    index = load(tmp_path / "index")
    spots = {}
    for asked in ("anchor lost Holm", "water came in", "seven crowns", "salt stayed dry", "keel oak"):
        bullets = compress(index, asked, search(index, asked, 5), 8, floor=0.0)
        best = max(bullets, key=lambda one: len(set(words(asked)) & set(words(one.text))))
        spots[asked] = best.place
    assert spots["anchor lost Holm"] == "page 3" and spots["water came in"] == "page 2"
    assert spots["seven crowns"].endswith("Tickets") and spots["salt stayed dry"] == "Notes > Cargo"
    assert spots["keel oak"] == ""
    wheres = {chunk.document: chunk.where for chunk in index.chunks}
    assert (wheres["log"], wheres["plain"]) == ("page 1 to page 3", "") and index.manifest["places"] >= 3


@pytest.fixture(scope="module")
def real() -> Index:
    documents = [
        Document("moon", "Moon", MOON),
        Document("mars", "Mars", MARS),
        Document("bread", "Bread", BREAD),
    ]
    return build(documents, size=40)


def corpus(count: int, seed: int = 0) -> list[Document]:
    """Documents of two sentences over sixteen words, so that words repeat and scores lie close together."""
    rng = np.random.default_rng(seed)
    picked = [" ".join(rng.choice(VOCABULARY, size=rng.integers(3, 12))) for _ in range(2 * count)]
    return [
        Document(f"d{n:03}", f"Title {n}", f"{one.capitalize()}. {two.capitalize()}.")
        for n, (one, two) in enumerate(zip(picked[::2], picked[1::2], strict=True))
    ]


def same(one: list[Hit], other: list[Hit]) -> bool:
    close = [np.allclose(a[2:], b[2:], atol=1e-6) for a, b in zip(one, other, strict=True)]
    return [hit[:2] for hit in one] == [hit[:2] for hit in other] and all(close)


# search against an independent count


def fused_by_hand(index: Index, question: str, weight: float) -> dict[int, tuple[float, float, float]]:
    """(cosine, BM25, fused) of every chunk, by plain loops; BM25 is Lucene's, k1 1.5 and b 0.75."""
    texts = [titled(chunk) for chunk in index.chunks]
    counts = [Counter(words(text)) for text in texts]
    average = sum(count.total() for count in counts) / len(counts)
    vectors, asked = index.embedder.vectors(texts), index.embedder.vectors([question])[0]
    cosines = [
        math.fsum(float(a) * float(b) for a, b in zip(vector, asked, strict=True)) for vector in vectors
    ]
    lexical = []
    for count in counts:
        score = 0.0
        for word in words(question):
            having = sum(word in other for other in counts)
            idf = math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
            spread = 1.5 * (1 - 0.75 + 0.75 * count.total() / average)
            score += idf * count[word] / (count[word] + spread) if having else 0
        lexical.append(score)

    def scaled(scores: list[float]) -> list[float]:
        best = sorted(scores, reverse=True)[:100]
        low, high = best[-1], best[0]
        return [min(1, max(0, (score - low) / (high - low))) if high > low else 0 for score in scores]

    pairs = zip(cosines, lexical, scaled(cosines), scaled(lexical), strict=True)
    return {place: (c, b, weight * x + (1 - weight) * y) for place, (c, b, x, y) in enumerate(pairs)}


@pytest.mark.parametrize("count", [1, 7, 99, 100, 101, 260])
@pytest.mark.parametrize("weight", [0.0, 0.7, 1.0])
@pytest.mark.usefixtures("hashed")
def test_search_is_the_fusion_computed_by_hand(count: int, weight: float) -> None:
    index = build(corpus(count), size=64)
    for question in (
        "Which rover found ice in a crater?",
        "storm storm tail",
        "the comet",
        "what is the",
        "",
        "zebra",
    ):
        expected = fused_by_hand(index, question, weight)
        hits = search(index, question, k=10, dense_weight=weight)
        assert len(hits) == min(10, count)
        assert [hit.fused for hit in hits] == pytest.approx(
            sorted((fused for _, _, fused in expected.values()), reverse=True)[: len(hits)], abs=1e-5
        )
        for hit in hits:
            assert (hit.dense, hit.bm25, hit.fused) == pytest.approx(expected[hit.position], abs=1e-5)
            assert hit.chunk == index.chunks[hit.position]


@pytest.mark.usefixtures("hashed")
def test_equal_chunks_come_in_the_order_of_the_corpus() -> None:
    documents = [Document(f"d{n}", "", "The rover found ice.") for n in range(150)]
    index = build(documents, size=64)
    hits = search(index, "Where is ice?", k=5)
    assert [hit.position for hit in hits] == sorted(hit.position for hit in hits)
    assert same(hits, search(index, "Where is ice?", k=5))
    few = build(documents[:20], size=64)
    assert [hit.position for hit in search(few, "Where is ice?", k=5)] == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("hashed")
def test_more_may_be_asked_for_than_there_is() -> None:
    index = build(corpus(5), size=64)
    hits = search(index, "ice", k=50)
    assert sorted(hit.position for hit in hits) == list(range(5))
    assert [hit.fused for hit in hits] == sorted((hit.fused for hit in hits), reverse=True)
    assert search(index, "ice", k=0) == []


@pytest.mark.parametrize("question", ["", "the of and", "?!", "\n", "日本", "x" * 5000])
def test_a_question_without_known_words_is_answered_by_meaning_alone(question: str, real: Index) -> None:
    hits = search(real, question, k=3)
    assert len(hits) == 3 and all(hit.bm25 == 0 and hit.fused <= 0.7 for hit in hits)
    assert [hit.dense for hit in hits] == sorted((hit.dense for hit in hits), reverse=True)


def test_questions_find_their_documents_alone_and_together(real: Index) -> None:
    questions = [
        "Who walked on the Moon?",
        "Which satellites does the red planet have?",
        "How do I make a loaf?",
    ]
    together = search_many(real, questions, k=2)
    assert [hits[0].chunk.document for hits in together] == ["moon", "mars", "bread"]
    for question, hits in zip(questions, together, strict=True):
        assert same(hits, search(real, question, k=2))
    assert search_many(real, []) == []


# building


def test_every_sentence_has_its_own_vector(real: Index) -> None:
    found = [sentence.text for chunk in real.chunks for sentence in chunk.sentences]
    assert real.sentence_vectors.shape == (len(found), 384) == (real.first[-1], 384)
    np.testing.assert_allclose(
        real.sentence_vectors.astype("float32"), real.embedder.vectors(found), atol=1e-3
    )
    assert real.first == [0, *np.cumsum([len(chunk.sentences) for chunk in real.chunks]).tolist()]


def test_rare_words_weigh_more(real: Index) -> None:
    total = real.first[-1]
    assert real.idf("phobo") == pytest.approx(math.log(1 + (total - 1 + 0.5) / 1.5))
    assert real.idf("zebra") == pytest.approx(math.log(1 + (total + 0.5) / 0.5))
    assert real.idf("zebra") > real.idf("phobo") > real.idf("moon") > 0


def test_a_title_stands_in_front_unless_the_text_starts_with_it(real: Index) -> None:
    chunk = real.chunks[0]
    assert titled(chunk) == f"Moon. {chunk.text}"
    assert titled(chunk.__class__(**(vars(chunk) | {"title": ""}))) == chunk.text
    assert titled(chunk.__class__(**(vars(chunk) | {"text": "## moon\n\nIt."}))) == "## moon\n\nIt."


def test_a_chunk_with_its_title_fits_the_embedders_window(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The title came on top of 254 tokens of text, so the ends of full chunks were not embedded."""

    class Counting(Hashed):
        window, lengths = embedder.window, staticmethod(embedder.lengths)

    monkeypatch.setattr(module, "embedder", lambda _: Counting())
    long = "The rover found ice under the dust of the crater. " * 90
    for title in ("Rover", "The long and winding title of this one document about rovers", "Titel, " * 200):
        made = build([Document("d", title, long)], size=256).chunks
        assert max(embedder.lengths([titled(chunk) for chunk in made])) <= embedder.window - 2
        assert max(chunk.tokens for chunk in made) > 100


@pytest.mark.usefixtures("hashed")
def test_an_empty_corpus_and_a_wrong_size_are_refused() -> None:
    for documents in ([], [Document("d", "T", " -- ")]):
        with pytest.raises(DataError, match="hold no sentence to index"):
            build(documents, size=64)
    for size in (65, 2, 0, -1):
        with pytest.raises(IndexError_, match=f"Chunks of {size} tokens do not fit .*: use from 3 to 64"):
            build(corpus(1), size=size)


@pytest.mark.usefixtures("hashed")
def test_the_fingerprint_is_of_the_chunks_and_the_manifest_of_the_whole() -> None:
    one, again = build(corpus(9), size=64), build(corpus(9), size=64)
    assert one.fingerprint == again.fingerprint and one.manifest == again.manifest
    assert one.fingerprint != build(corpus(9, seed=1), size=64).fingerprint
    assert one.fingerprint != build(corpus(9), size=8).fingerprint
    assert {key: one.manifest[key] for key in ("kind", "documents", "chunks", "sentences", "size")} == {
        "kind": "index",
        "documents": 9,
        "chunks": 9,
        "sentences": 18,
        "size": 64,
    }


@pytest.mark.usefixtures("hashed")
def test_building_reports_from_nothing_to_all() -> None:
    steps: list[Any] = []
    build(corpus(200), size=64, report=steps.append)
    assert all(isinstance(step, Progress) and step.total == 600 for step in steps)
    assert [step.done for step in steps] == [0, 256, 512, 600]


# on disk


def test_an_index_read_back_finds_the_same(real: Index, tmp_path: Path) -> None:
    save(real, tmp_path / "index")
    moved = shutil.move(tmp_path / "index", tmp_path / "elsewhere")
    read = load(moved)
    assert read.chunks == real.chunks and read.first == real.first and read.frequency == real.frequency
    assert read.fingerprint == real.fingerprint
    np.testing.assert_array_equal(read.sentence_vectors, real.sentence_vectors)
    for question in ("Who found the moons of Mars?", "", "bread bread", "What is the hot oven for?"):
        assert same(search(read, question), search(real, question))
    save(read, tmp_path / "copy")
    assert load(tmp_path / "copy").chunks == real.chunks


@FAST
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=4))
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, found: list[str]) -> None:
    documents = [Document(f"d\u2028{n}", "Ti\ttel\n", f"{text} a\x85b\x1cc.") for n, text in enumerate(found)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "embedder", lambda _: Hashed())
        place = tmp_path_factory.mktemp("any") / "index"
        index = build(documents, size=32)
        save(index, place)
        assert load(place).chunks == index.chunks


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x01
    file.write_bytes(bytes(content))


@pytest.mark.usefixtures("hashed")
def test_an_index_with_any_file_changed_or_missing_is_refused(tmp_path: Path) -> None:
    """Other sentence vectors, BM25 weights or frequencies of the same size were taken without a word."""
    whole = tmp_path / "whole"
    save(build(corpus(9), size=64), whole)
    names = [
        file.relative_to(whole)
        for file in whole.rglob("*")
        if file.is_file() and file.name != "manifest.json"
    ]
    assert len(names) >= 8
    for number, name in enumerate(names):
        changed = shutil.copytree(whole, tmp_path / f"changed{number}")
        flip(changed / name)
        with pytest.raises(
            IndexError_, match=f"{name.name} of the index changed{number} is not as it was written: build"
        ):
            load(changed)
        (changed / name).unlink()
        with pytest.raises(
            IndexError_, match=f"lacks .*{name.name} .No such file or directory.: build it again"
        ):
            load(changed)
    assert load(whole).chunks


def edited(place: Path, **changes: Any) -> None:
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda place: (place / "manifest.json").unlink(), "has no readable manifest.json: it is not whole"),
        (lambda place: (place / "manifest.json").write_text("{"), "has no readable manifest.json"),
        (lambda place: (place / "manifest.json").write_text("[]"), "not an object"),
        (lambda place: edited(place, version=99), "not an index of version 1: build it again"),
        (lambda place: edited(place, kind="adapter"), "not an index of version 1"),
        (lambda place: edited(place, files=None), "lists no files"),
        (lambda place: edited(place, files={}), "lists no files"),
        (lambda place: edited(place, fingerprint="0"), "do not belong together"),
        (lambda place: shutil.rmtree(place), "has no readable manifest.json"),
    ],
)
@pytest.mark.usefixtures("hashed")
def test_a_half_written_index_is_refused(
    harm: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    save(build(corpus(3), size=64), tmp_path / "index")
    harm(tmp_path / "index")
    with pytest.raises(IndexError_, match=message):
        load(tmp_path / "index")


@pytest.mark.parametrize("line", ["1", "{}", "[", '{"document": 1}', "\x00"])
@pytest.mark.usefixtures("hashed")
def test_chunks_that_cannot_be_read_are_refused_even_with_a_fitting_manifest(
    line: str, tmp_path: Path
) -> None:
    save(build(corpus(3), size=64), tmp_path / "index")
    (tmp_path / "index" / "chunks.jsonl").write_text(line)
    files = json.loads((tmp_path / "index" / "manifest.json").read_text())["files"]
    edited(tmp_path / "index", files=files | {"chunks.jsonl": hashlib.sha256(line.encode()).hexdigest()})
    with pytest.raises(IndexError_, match="cannot be read .*build it again"):
        load(tmp_path / "index")


@pytest.mark.usefixtures("hashed")
def test_an_index_that_fails_while_it_is_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "index"
    old = build(corpus(3), size=64)
    save(old, place)
    monkeypatch.setattr(
        "numpy.save", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(ArtifactError, match="No space left on device"):
        save(build(corpus(4), size=64), place)
    assert load(place).chunks == old.chunks
    assert [entry.name for entry in tmp_path.iterdir()] == ["index"]
