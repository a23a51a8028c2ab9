"""Files of formats that are hard to read (PDF, HTML, DOCX), read in a child process with bounded memory and
time.

What breaks the reader, or makes it swell or hang, costs that file alone: the child is ended and a new one is
started for the next. `python -m engine.data.boxed` is the child; it takes and gives one JSON object a line.
Knows no corpus.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.data.formats import Unusable
from engine.data.records import Mark

MEMORY = 700 << 20  # bytes of address space of the child
SECONDS = 60.0
LETTERS = 20_000_000  # longest text of one file
KINDS = {".pdf": "pdf", ".html": "html", ".htm": "html", ".xhtml": "html", ".docx": "docx"}


class Extract(NamedTuple):
    """The text of a file, its own title (or none), where its pages or sections start, and what is to be said
    of how it was read."""

    text: str
    title: str = ""
    marks: tuple[Mark, ...] = ()
    note: str = ""


@dataclass
class Box:
    """The child, started when first needed. Use it in a `with`."""

    seconds: float = SECONDS
    memory: int = MEMORY
    started: int = 0
    _child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, kind: str, encoding: str = "") -> Extract:
        """The text of a file of a kind of KINDS; `encoding` is what a person named. Raises Unusable with
        the reason."""
        child = self._running()
        assert child.stdin and child.stdout
        try:
            child.stdin.write(json.dumps([str(path), kind, encoding]).encode() + b"\n")
            child.stdin.flush()
            line = self._line(child)
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            self.close()
            raise Unusable(
                f"it made the {kind} reader run out of memory or crash; open it in its program and "
                "save it again"
            )
        found: dict[str, Any] = json.loads(line)
        if "reason" in found:
            if found.get("spent"):
                self.close()
            raise Unusable(found["reason"])
        return Extract(**found | {"marks": tuple(Mark(*mark) for mark in found["marks"])})

    def _line(self, child: "subprocess.Popen[bytes]") -> bytes:
        assert child.stdout
        until = time.monotonic() + self.seconds
        parts: list[bytes] = []
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while not (parts and parts[-1].endswith(b"\n")):
                if not ready.select(max(0.0, until - time.monotonic())):
                    self.close()
                    raise Unusable(f"reading it took longer than {self.seconds:g} seconds")
                part = os.read(child.stdout.fileno(), 1 << 20)
                if not part:
                    break
                parts.append(part)
        return b"".join(parts)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._child is None or self._child.poll() is not None:
            root = str(Path(__file__).resolve().parents[2])
            path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
            self._child = subprocess.Popen(
                [sys.executable, "-m", "engine.data.boxed", str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
            self.started += 1
        return self._child

    def close(self) -> None:
        """End the child; the next file starts a new one."""
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    pipe and pipe.close()
            child.wait()


def _limit(memory: int) -> None:
    import resource

    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # macOS has no bound on address space
            resource.setrlimit(what, (most, most))


def _extract(path: Path, kind: str, encoding: str) -> Extract:
    from engine.data import pdf, webpage, word

    if kind == "html":
        found = webpage.extract(path, encoding)
    else:
        found = (pdf if kind == "pdf" else word).extract(path)
    if len(found.text) > LETTERS:
        raise Unusable(f"its text is longer than {LETTERS // 1_000_000} million letters; split the file")
    if not found.text.strip():
        raise Unusable(
            "no text in it (a scan? run it through text recognition first)" if kind == "pdf" else "empty"
        )
    return found


def _answer(path: str, kind: str, encoding: str) -> dict[str, Any]:
    try:
        return _extract(Path(path), kind, encoding)._asdict()
    except Unusable as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": "it needs too much memory to be read", "spent": True}
    except RecursionError:
        return {"reason": "it is nested too deeply"}
    except Exception as error:  # noqa: BLE001  whatever a parser of foreign files raises is that file's fault
        said = " ".join(str(error).split())[:120]
        return {"reason": f"broken or not a {kind} file ({type(error).__name__}: {said})"}


def _serve() -> None:
    import logging

    logging.disable(logging.CRITICAL)
    _limit(int(sys.argv[1]))
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # what a parser prints must not mix with answers
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_answer(*json.loads(line))).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
