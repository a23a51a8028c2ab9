"""Turn texts into unit vectors with a sentence-transformers model (all-MiniLM-L6-v2 unless another is named).

Batches are sorted by length by the library. Knows nothing of documents, chunks or indexes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from engine import catalog
from engine.device import pick
from engine.errors import ModelError
from engine.inference import weights


class Embedder:
    """`name` as in the catalog, `window` in tokens, `size` the length of a vector."""

    def __init__(self, name: str, model: Any) -> None:
        self.name, self.model = name, model
        self.window = int(model.max_seq_length)
        self.size = int(model.get_embedding_dimension())

    def vectors(self, texts: Sequence[str], batch: int = 32) -> Any:
        """float32 array of shape (len(texts), size), each row of length 1; a text beyond
        the window is cut at it."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.size), dtype=np.float32)
        made = self.model.encode(
            list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(made, dtype=np.float32)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the two special ones that the window also has to hold."""
        if not texts:
            return []
        encoded = self.model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


@lru_cache(maxsize=2)
def embedder(name: str = catalog.EMBEDDER, device: str | None = None) -> Embedder:
    """Load an embedder once per process: a catalog name, a hub id or a folder. Raises
    ModelError if it can't be had."""
    from sentence_transformers import SentenceTransformer

    place = weights.folder(catalog.lookup(name, "embedder"))
    try:
        model = SentenceTransformer(
            place, device=pick(device).kind, trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except weights.unreadable() as error:
        raise ModelError(
            f"The embedder {name!r} cannot be loaded: {weights.first_line(error)} Choose another, or fetch "
            "it again."
        ) from error
    return Embedder(name, model)
