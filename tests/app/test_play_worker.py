"""The worker's thread hands over what it makes, raises what was raised, and stops for who has left."""

import threading
from collections.abc import Iterator

import pytest

from app.play.worker import Worker
from engine.errors import ModelError

PATIENCE = 60


def test_items_come_in_order_and_none_is_only_a_pause() -> None:
    items = list(Worker().start(lambda: (number for number in range(1, 200))).items())
    assert [item for item in items if item is not None] == list(range(1, 200))


def test_what_is_raised_comes_after_what_was_made_and_the_next_task_runs() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ModelError("gone")

    worker, seen = Worker(), []
    with pytest.raises(ModelError, match="gone"):
        seen.extend(worker.start(failing).items())
    assert [item for item in seen if item is not None] == [1]
    assert 2 in list(worker.start(lambda: iter_of(2)).items())


def iter_of(*items: int) -> Iterator[int]:
    yield from items


def test_leaving_is_possible_while_nothing_comes_and_closes_the_generator() -> None:
    go, ended, closed = threading.Event(), threading.Event(), []

    def slow() -> Iterator[int]:
        try:
            yield 1
            go.wait(PATIENCE)
            yield 2
            yield 3
        finally:
            closed.append(True)

    task = Worker().start(slow)
    for item in task.items():
        if item is None and task.latest == 1:
            break  # it is still waiting for `go`
    task.after(ended.set)
    assert not ended.is_set() and closed == []
    task.leave()
    go.set()
    assert ended.wait(PATIENCE) and closed == [True] and task.latest == 1
    late: list[int] = []
    task.after(lambda: late.append(1))
    assert late == [1]  # it has ended already


def test_tasks_run_one_after_the_other() -> None:
    running: list[int] = []

    def work() -> Iterator[int]:
        running.append(1)
        yield len(running)
        running.pop()

    worker = Worker()
    tasks = [worker.start(work) for _ in range(20)]
    assert [[item for item in task.items() if item is not None] for task in tasks] == [[1]] * 20
