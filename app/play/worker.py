"""One thread for all model work, so that Stop is heard at once whatever a model or a server is doing.

A question's events are made in the thread and handed over as they come; whoever listens gets None every
TICK while nothing new is there, and can leave then. Knows no models.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
TICK = 0.1  # seconds
Make = Callable[[], Iterator[T]]


class Task(Generic[T]):
    """One question's items on their way; `latest` is the last that was made."""

    def __init__(self, make: Make[T]) -> None:
        self.make = make
        self.latest: T | None = None
        self._left = threading.Event()
        self._made: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._after: list[Callable[[], None]] = []

    def leave(self) -> None:
        """Nobody listens any more: the generator is closed as soon as it next gives something."""
        self._left.set()

    def after(self, work: Callable[[], None]) -> None:
        """Do `work` when the thread is done with this, or now if it is."""
        with self._lock:
            if not self._ended:
                self._after.append(work)
                return
        work()

    def items(self) -> Generator[T | None]:
        """The items, None for a TICK without one. What the generator raised is raised here."""
        try:
            while True:
                try:
                    item, error = self._made.get(timeout=TICK)
                except Empty:
                    yield None
                    continue
                if error is not None:
                    raise error
                if item is None:
                    return
                yield item
        finally:
            self.leave()

    def work(self) -> None:
        """Make the items, in the thread that calls this."""
        try:
            with closing(self.make()) as items:  # type: ignore[type-var]  # a generator
                for item in items:
                    if self._left.is_set():
                        break
                    self.latest = item
                    self._made.put((item, None))
            self._made.put((None, None))
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised to whoever listens
            self._made.put((None, error))
        finally:
            with self._lock:
                self._ended = True
            for work in self._after:
                work()


class Worker:
    """Does one task after the other in a thread of its own, which lives as long as the process."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Task[Any]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="bantam-model").start()

    def start(self, make: Make[T]) -> Task[T]:
        """Have the items of `make()` made as soon as the task before has ended."""
        task = Task(make)
        self._tasks.put(task)
        return task

    def _work(self) -> None:
        while True:
            self._tasks.get().work()
