"""The bench of Ask sorts answers by how they ended, counts right and holds each figure against its limit;
speed itself is not tested here."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.inference.events import Answered, Drafted, Event, Retrieved, Token
from engine.inference.orchestrator import AnswerSpec, Parts
from engine.inference.trace import Answer, Draft, Trace
from jobs.bench_ask import LIMITS, Asked, ending, measured, shown, summed, timed
from tests.ladders import Scripted

SAID = Answer("1655", "1655 [2]", False, (2,))
SILENT = Answer("I don't know", "", True)


def trace(answer: Answer = SAID, *tiers: str) -> Trace:
    return Trace("Who?", answer, drafts=tuple(Draft(tier, answer) for tier in tiers), ms={"draft": 1.0})


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (trace(SAID, "small"), "accepted"),
        (trace(SILENT, "small"), "refused"),
        (trace(SAID, "small", "reader"), "accepted"),
        (trace(SAID, "small", "reader", "large"), "escalated"),
        (trace(SAID, "large"), "accepted"),
        (trace(SILENT, "small", "large"), "escalated"),
        (trace(SILENT), "refused"),
    ],
)
def test_how_an_answer_ended(found: Trace, kind: str) -> None:
    assert ending(found, "large") == kind


def test_the_first_word_is_the_first_token_or_a_whole_draft() -> None:
    def asked(*events: Event) -> Asked:
        return timed(lambda: iter(events), "large")

    with_tokens = asked(Retrieved((), 1.0), Token("1", "1"), Token("6", "16"), Answered(trace(SAID, "small")))
    assert with_tokens.first is not None and 0 <= with_tokens.first[0] <= with_tokens.whole[0]
    assert asked(Drafted(SAID, False, 1.0), Answered(trace(SAID, "reader"))).first is not None
    assert asked(Drafted(SILENT, False, 0.0), Answered(trace(SILENT))).first is None  # nobody was asked


def test_figures_are_percentiles_by_kind_beside_their_limits() -> None:
    rows = [
        Asked("accepted", (float(n), 2.0 * n), (10.0 * n, 5.0), {"compress": 1.0, "draft": 9.0})
        for n in range(1, 42)
    ]
    rows.append(Asked("escalated", None, (9000.0, 1.0), {"compress": 1.0, "large: draft": 9.0}))
    made = summed(rows)
    first = made["figures"]["first token"]
    assert (first["n"], first["p50"], first["p95"], first["cpu_p50"]) == (41, 21.0, 39.0, 42.0)
    assert made["figures"]["escalated"]["p95"] == 9000.0 and made["figures"]["refused"]["n"] == 0
    assert made["compression"] == 10.0 and made["stages"]["large: draft"] == 9.0
    page: dict[str, Any] = {
        **{"experiment": "space", "calibrated": True, "tiers": ["small", "large"]},
        **{"machine": "here", "threads": 2, "load_before": 0.5},
    }
    lines = {line.split()[0]: line for line in shown(page | made).splitlines() if line.strip()}
    assert lines["first"].endswith(": kept") and "300" in lines["first"]
    assert lines["accepted"].endswith(": kept")
    assert lines["escalated"].endswith(": OVER") and f"{LIMITS['escalated']:.0f}" in lines["escalated"]
    assert lines["compression"].endswith(": OVER") and "refused" not in lines


def test_every_question_is_asked_once_and_the_warm_up_asks_every_tier() -> None:
    small, large = Scripted("small", "1655"), Scripted("large", "1655")
    spec = AnswerSpec(evidence=False, accept=0.0, tau=0.0)
    rows = measured(Parts(None, tiers=(small, large)), spec, ["One?", "Two?"], ["Warm?"])
    assert [row.ending for row in rows] == ["accepted", "accepted"]
    assert [one.question for one in small.seen] == ["Warm?", "One?", "Two?"]
    assert [one.question for one in large.seen] == ["Warm?"]


def no_events() -> Iterator[Event]:
    yield from ()


def test_events_without_an_end_are_a_bug() -> None:
    with pytest.raises(ValueError, match="without an answer"):
        timed(no_events, "large")
