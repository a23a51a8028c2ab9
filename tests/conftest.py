"""What every test stands on: no network, no noise, a workspace of its own, and models loaded once."""

import os

# read when huggingface_hub, transformers, tokenizers and OpenMP are imported, so set before any of them is
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
# OpenMP's threads spin while they wait for each other: beside a busy process tests took ten times as long
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure; and what CI draws is the same each time, so that red means this change.
settings.register_profile("bantam", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bantam")

# What a shell runs in the background ignores Ctrl-C, and so would every process that a test starts and stops.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = ("test_kills.py",)  # begun last, the longest file would run on alone for minutes
LOCAL = ("127.", "localhost", "::1", "0.0.0.0")


def pytest_configure(config: pytest.Config) -> None:
    """The libraries' own warnings are theirs to heed; ours stay in sight."""
    for library in ("transformers", "peft", "huggingface_hub", "torch", "bm25s", "faiss"):
        config.addinivalue_line("filterwarnings", f"ignore::FutureWarning:{library}")
        config.addinivalue_line("filterwarnings", f"ignore::UserWarning:{library}")
    config.addinivalue_line("filterwarnings", "ignore:builtin type .* has no __module__:DeprecationWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that share the tests take whole files, in this order."""
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.fixture(scope="session", autouse=True)
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """BANTAM_HOME in a temporary folder; the model cache (BANTAM_CACHE) stays: filling it takes 20 s."""
    home = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANTAM_HOME", str(home))
        yield home


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """A test that leaves this machine fails at once, with the address it wanted."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOCAL):
            raise RuntimeError(f"a test wanted the network: {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a model of tests.tiny.MODELS, made when first asked for. Copy it before changing it."""
    from tests import tiny

    home = tmp_path_factory.mktemp("tiny")

    def made(name: str) -> Path:
        folder = home / name
        return folder if (folder / "config.json").is_file() else tiny.model(name, folder)

    return made


@pytest.fixture(scope="session")
def embedded_tokenizer() -> Callable[[str], Any]:
    """The tokenizer of an embedded model, loaded once: "bantam-small" or "smollm2-base"."""
    from functools import lru_cache

    from transformers import AutoTokenizer

    from engine.catalog import EMBEDDED

    return lru_cache(lambda folder: AutoTokenizer.from_pretrained(EMBEDDED / folder))


@pytest.fixture(scope="session")
def embedder() -> Any:
    """The embedder (all-MiniLM-L6-v2 from its package), loaded once."""
    from engine.retrieval.embed import embedder as load

    return load()
