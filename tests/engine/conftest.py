"""The embedded models and an index of tests/corpus.py, loaded once for all tests of the engine."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def small() -> Any:
    """bantam-small, on the CPU."""
    from engine.inference.model import load

    return load("bantam-small", device="cpu")


@pytest.fixture(scope="session")
def reader() -> Any:
    """bantam-reader, on the CPU."""
    from engine.inference.extract import reader as load

    return load(device="cpu")


@pytest.fixture(scope="session")
def corpus_index() -> Any:
    """The index of tests/corpus.py, in chunks of 64 tokens."""
    from engine.retrieval.index import build
    from tests.corpus import DOCUMENTS

    return build(DOCUMENTS, size=64)
