"""What a person sees of long work: a fake clock, and a terminal that is a string."""

import io

import pytest

from engine.progress import Metric, Progress
from jobs.console import Console, duration


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def drawn(self) -> list[str]:
        """What was drawn, one string a drawing."""
        return self.getvalue().split("\r\x1b[2K")[1:]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_log_gets_one_line_when_a_stage_has_ended(clock: Clock) -> None:
    out = io.StringIO()
    console = Console(2, clock=clock, out=out)
    for title in ("index", "train"):
        console.begin(title)
        for done in range(5):
            clock.now += 1
            console(Progress("steps", done, 4, "steps"))
        console.end("made")
    assert out.getvalue() == "[1/2] index       made · 5.0 s\n[2/2] train       made · 5.0 s\n"


def test_a_terminal_sees_progress_and_the_time_that_is_left(clock: Clock) -> None:
    out = Terminal()
    console = Console(1, clock=clock, out=out)
    console.begin("train")
    console(Progress("train", 0, 100, "steps"))
    clock.now += 30
    console(Progress("train", 25, 100, "steps", "loss 0.5"))
    assert out.drawn()[-1] == "[1/1] train       train 25/100 steps · about 1 min 30 s left · loss 0.5"
    console.end("5 rows")
    assert out.drawn()[-1] == "[1/1] train       5 rows · 30 s\n"
    assert out.getvalue().count("\n") == 1


def test_the_time_left_does_not_count_what_an_earlier_run_did(clock: Clock) -> None:
    out = Terminal()
    console = Console(1, clock=clock, out=out)
    console.begin("train")
    console(Progress("train", 80, 100, "steps"))
    clock.now += 10
    console(Progress("train", 90, 100, "steps"))
    assert "about 10 s left" in out.drawn()[-1]


def test_a_part_that_begins_again_is_timed_again(clock: Clock) -> None:
    """Every arm answers in a part of the same name: the second's time left counted from the first's start."""
    out = Terminal()
    console = Console(1, clock=clock, out=out)
    console.begin("answer")
    console(Progress("answer", 0, 10, "answers"))
    clock.now += 1000
    console(Progress("answer", 10, 10, "answers"))
    console(Progress("answer", 0, 10, "answers"))
    clock.now += 20
    console(Progress("answer", 5, 10, "answers"))
    assert "about 20 s left" in out.drawn()[-1]


def test_a_terminal_is_not_drawn_on_more_often_than_can_be_read(clock: Clock) -> None:
    out = Terminal()
    console = Console(1, clock=clock, out=out)
    console.begin("index")
    for done in range(1000):
        clock.now += 0.001
        console(Progress("index", done, 1000, "texts"))
    assert len(out.drawn()) <= 1 + 1.0 / 0.2


def test_a_line_that_would_wrap_is_cut_while_it_is_drawn_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    console = Console(1, clock=clock, out=out)
    console.begin("questions")
    clock.now += 1
    console(Progress("write questions", 3, 400, "questions", "n" * 50))
    assert len(out.drawn()[-1]) == 39
    console.end("n" * 50)
    assert out.drawn()[-1].rstrip().endswith("n" * 50 + " · 1.0 s")


def test_what_listens_hears_everything(clock: Clock) -> None:
    heard: list[Progress | Metric] = []
    console = Console(1, heard.append, clock=clock, out=io.StringIO())
    said: list[Progress | Metric] = [Progress("train", 1, 2), Metric("loss", 1, 0.5)]
    for one in said:
        console(one)
    assert heard == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3725, "62 min 05 s"),
    ],
)
def test_seconds_are_said_as_a_person_says_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
