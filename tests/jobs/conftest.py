"""Commands run in this process, the tiny corpus, and one finished experiment on it."""

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.commands import Command, Finished, Material, Ran, run, write_material


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs a command in this process, whose models are loaded; what it changes here is put back."""
    from jobs.__main__ import main

    def in_this_process(*arguments: str, home: Path) -> Ran:
        monkeypatch.setenv("BANTAM_HOME", str(home))
        capfd.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as stopped:
            code = int(str(stopped.code))
        return Ran(code, *capfd.readouterr())

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with patch.dict(os.environ), warnings.catch_warnings():
        yield in_this_process
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Three short documents, one with a line that cannot be read, and seven questions."""
    return write_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="session")
def finished(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One experiment from end to end. Copy its workspace before changing anything in it."""
    home = tmp_path_factory.mktemp("finished") / "home"
    return Finished(home, run("quickstart", *material.options, "--json", home=home))
