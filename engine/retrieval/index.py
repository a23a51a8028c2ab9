"""An index of chunks: dense vectors (FAISS, inner product, exact), BM25, and a vector for each sentence.

An index is a folder with a manifest that loads anywhere. Knows nothing of questions; search.py asks it.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest, writing
from engine.catalog import EMBEDDER
from engine.data.records import Document, Mark, fingerprint
from engine.errors import ArtifactError, DataError, IndexError_
from engine.progress import Progress, Report, silent
from engine.retrieval.chunk import Chunk, chunk
from engine.retrieval.embed import Embedder, embedder
from engine.retrieval.sentences import Sentence
from engine.retrieval.words import words

VERSION = 1
SPECIAL_TOKENS = 2
TITLE_LETTERS = 120
EMBED_ROWS = 256


@dataclass(frozen=True)
class Index:
    """`dense` is a faiss IndexFlatIP of the chunks, `sparse` a bm25s.BM25 over the same chunks; row i of
    `sentence_vectors` (float16, unit length) is the i-th sentence of all chunks in order, and chunk c's rows
    are first[c]:first[c+1]."""

    chunks: list[Chunk]
    dense: Any
    sparse: Any
    sentence_vectors: Any
    first: list[int]
    frequency: dict[str, int]
    embedder: Embedder
    manifest: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Equal for equal chunks, embedder and settings."""
        return str(self.manifest["fingerprint"])

    def idf(self, word: str) -> float:
        """log(1 + (N - n + 0.5) / (n + 0.5)) over sentences, as in BM25 (Robertson and
        Zaragoza 2009, section 3)."""
        total, seen = self.first[-1], self.frequency.get(word, 0)
        return math.log(1 + (total - seen + 0.5) / (seen + 0.5))


def build(
    documents: Sequence[Document],
    *,
    size: int = 256,
    overlap: int = 0,
    embedder_name: str = EMBEDDER,
    report: Report = silent,
) -> Index:
    """Chunk, embed and index `documents`. `size` is in tokens and may not exceed the embedder's window; where
    a chunk and its document's title together would, the chunk is made shorter."""
    coder = embedder(embedder_name)
    if not SPECIAL_TOKENS < size <= coder.window:
        raise IndexError_(
            f"Chunks of {size} tokens do not fit the embedder's window: use from {SPECIAL_TOKENS + 1} to "
            f"{coder.window}."
        )
    titles = coder.lengths([f"{document.title[:TITLE_LETTERS]}." for document in documents])
    most = [min(size, coder.window - title) - SPECIAL_TOKENS for title in titles]
    pairs = zip(documents, most, strict=True)
    chunks = [made for document, room in pairs for made in chunk([document], coder.lengths, room, overlap)]
    if not chunks:
        raise DataError(
            "The documents hold no sentence to index: check that they are text in a language with words."
        )
    texts = [titled(made) for made in chunks]
    found = [sentence.text for made in chunks for sentence in made.sentences]
    first = [0]
    for made in chunks:
        first.append(first[-1] + len(made.sentences))
    vectors = _embed(coder, texts + found, report)
    frequency = Counter(word for sentence in found for word in set(words(sentence)))
    manifest = {
        "kind": "index",
        "version": VERSION,
        "embedder": embedder_name,
        "size": size,
        "overlap": overlap,
        "documents": len({made.document for made in chunks}),
        "chunks": len(chunks),
        "sentences": len(found),
        "places": sum(bool(made.marks) for made in chunks),
        "dataset": fingerprint(documents),
        "fingerprint": _fingerprint(chunks, embedder_name),
    }
    return Index(
        chunks,
        _dense(vectors[: len(texts)]),
        _sparse(texts),
        vectors[len(texts) :].astype("float16"),
        first,
        dict(frequency),
        coder,
        manifest,
    )


def save(index: Index, place: Path) -> None:
    """Write the index as the folder `place`, whole or not at all."""
    import faiss
    import numpy as np

    manifest = dict(index.manifest)
    with writing(place, manifest) as folder:
        with (folder / "chunks.jsonl").open("w", encoding="utf-8") as out:
            for made in index.chunks:
                spans = [[sentence.start, sentence.end] for sentence in made.sentences]
                row = {"document": made.document, "title": made.title, "start": made.start, "end": made.end}
                more = {"text": made.text, "tokens": made.tokens, "sentences": spans}
                places = {"marks": made.marks} if made.marks else {}
                out.write(json.dumps(row | more | places) + "\n")
        faiss.write_index(index.dense, str(folder / "dense.faiss"))
        np.save(folder / "sentences.npy", index.sentence_vectors, allow_pickle=False)
        (folder / "frequency.json").write_text(
            json.dumps(index.frequency, ensure_ascii=False), encoding="utf-8"
        )
        index.sparse.save(str(folder / "bm25"), show_progress=False)
        written = sorted(file for file in folder.rglob("*") if file.is_file())
        manifest["files"] = {file.relative_to(folder).as_posix(): _sha256(file) for file in written}


def load(place: Path) -> Index:
    """Read an index folder. Raises IndexError_ when it is not whole, of another version, or
    its files do not agree."""
    import bm25s
    import faiss
    import numpy as np

    try:
        manifest = read_manifest(place)
    except ArtifactError as error:
        raise IndexError_(str(error)) from error
    if manifest.get("kind") != "index" or manifest.get("version") != VERSION:
        raise IndexError_(f"{place.name} is not an index of version {VERSION}: build it again.")
    _check_files(place, manifest)
    try:
        chunks = [
            _read_chunk(line) for line in (place / "chunks.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        dense = faiss.read_index(str(place / "dense.faiss"))
        vectors = np.load(place / "sentences.npy", mmap_mode="r", allow_pickle=False)
        frequency = json.loads((place / "frequency.json").read_text(encoding="utf-8"))
        sparse = bm25s.BM25.load(str(place / "bm25"), mmap=False)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise IndexError_(f"The index {place.name} cannot be read ({error}): build it again.") from error
    first = [0]
    for made in chunks:
        first.append(first[-1] + len(made.sentences))
    known = _fingerprint(chunks, str(manifest.get("embedder"))) == manifest.get("fingerprint")
    coder = embedder(manifest["embedder"]) if known else None
    shapes = (dense.ntotal, dense.d, vectors.shape)
    if coder is None or shapes != (len(chunks), coder.size, (first[-1], coder.size)):
        raise IndexError_(f"The files of the index {place.name} do not belong together: build it again.")
    return Index(chunks, dense, sparse, vectors, first, frequency, coder, manifest)


def titled(made: Chunk) -> str:
    """What is embedded and searched for a chunk: its document's title in front, unless
    the chunk starts with it."""
    start = made.text.lstrip("# ").lower()
    title = made.title[:TITLE_LETTERS]
    return made.text if not title or start.startswith(title.lower()) else f"{title}. {made.text}"


def _check_files(place: Path, manifest: dict[str, Any]) -> None:
    expected = manifest.get("files")
    if not isinstance(expected, dict) or not expected:
        raise IndexError_(f"The manifest of the index {place.name} lists no files: build it again.")
    for name, digest in expected.items():
        try:
            found = _sha256(place / name)
        except OSError as error:
            raise IndexError_(
                f"The index {place.name} lacks {name} ({error.strerror}): build it again."
            ) from error
        if found != digest:
            raise IndexError_(f"{name} of the index {place.name} is not as it was written: build it again.")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _embed(coder: Embedder, texts: list[str], report: Report) -> Any:
    import numpy as np

    report(Progress("index", 0, len(texts), "texts"))
    order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
    vectors = np.zeros((len(texts), coder.size), dtype=np.float32)
    cuts = [*range(0, len(order), EMBED_ROWS), len(order)]
    for start, end in pairwise(cuts):
        rows = order[start:end]
        vectors[rows] = coder.vectors([texts[row] for row in rows])
        report(Progress("index", end, len(texts), "texts"))
    return vectors


def _dense(vectors: Any) -> Any:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _sparse(texts: list[str]) -> Any:
    import bm25s

    sparse = bm25s.BM25()
    sparse.index([words(text) or [""] for text in texts], show_progress=False)
    return sparse


def _fingerprint(chunks: list[Chunk], embedder_name: str) -> str:
    digest = hashlib.sha256(f"{VERSION} {embedder_name}\n".encode())
    for made in chunks:
        digest.update(f"{made.document}\t{made.title}\t{made.start}\t{made.text}\n".encode())
    return digest.hexdigest()[:16]


def _read_chunk(line: str) -> Chunk:
    row = json.loads(line)
    spans = tuple(
        Sentence(row["text"][start - row["start"] : end - row["start"]], start, end)
        for start, end in row["sentences"]
    )
    marks = tuple(Mark(*mark) for mark in row.get("marks", ()))  # none in an index made before there were any
    own = (row["document"], row["title"], row["start"], row["end"], row["text"], row["tokens"])
    return Chunk(*own, spans, marks)
