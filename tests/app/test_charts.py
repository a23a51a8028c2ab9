"""Figures and tables are pure: rows in, figures out; what was not measured leaves a gap, and names are
text."""

import pandas as pd
import pytest

from app import charts, tables, text

CURVE = pd.DataFrame(
    [
        {"run": "a", "step": 1, "value": 2.0},
        {"run": "a", "step": 2, "value": float("nan")},
        {"run": "<b>", "step": 1, "value": 3.0},
    ]
)


def test_curves_of_several_runs_are_overlaid_with_a_gap_where_nothing_was_measured() -> None:
    figure = charts.curves(CURVE, "Loss", dark=False)
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["a", "&lt;b&gt;"]
    assert list(figure.data[0].y) == [2.0, None]
    assert figure.layout.yaxis.title.text == "Loss" and figure.layout.showlegend
    assert figure.data[0].line.color != figure.data[1].line.color


def test_a_curve_without_a_number_is_no_figure_but_words() -> None:
    empty = CURVE[CURVE["value"].isna()]
    assert charts.curves(empty, "Loss", dark=True) is None
    assert charts.describe_curves(empty, "Loss") == "Loss: nothing measured yet."
    assert "a from 2 at step 1" in charts.describe_curves(CURVE, "Loss")


def test_memory_is_drawn_by_part_with_the_machines_limit_when_it_is_near() -> None:
    parts = {"weights": 2_000_000_000, "activations": 1_000_000_000}
    near, far = (charts.memory(parts, limit, dark=False) for limit in (4_000_000_000, 400_000_000_000))
    assert [bar.x[0] for bar in near.data] == [2.0, 1.0]
    assert len(near.layout.shapes) == 1 and len(far.layout.shapes) == 0


def test_settings_that_are_the_same_are_left_out_unless_asked_for() -> None:
    specs = {"one": {"r": 8, "rate": 4e-4, "seed": 0}, "two": {"r": 16, "rate": 4e-4}}
    assert list(tables.differences(specs)["setting"]) == ["r", "seed"]
    assert list(tables.differences(specs, everything=True)["setting"]) == ["r", "rate", "seed"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("loss", 1.23456, "1.235"), ("peak_memory", 1.9e9, "1.9 GB"), ("loss", None, ""), ("steps", 12.0, "12")],
)
def test_a_number_is_shown_with_its_unit(name: str, value: float | None, shown: str) -> None:
    assert tables.measured(name, value) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (95, "1 min 35 s"), (7500, "2 h 5 min"), (None, ""), (-1, "")],
)
def test_a_duration_is_said_as_a_person_would(seconds: float | None, words: str) -> None:
    assert text.duration(seconds) == words


def test_markdown_of_a_file_is_shown_and_not_obeyed() -> None:
    assert text.plain("**a** [b](c)\n# d $e$ `f`") == r"\*\*a\*\* \[b\]\(c\) \# d \$e\$ \`f\`"


def test_a_job_waits_runs_and_ends_in_the_table() -> None:
    row = {
        "id": "j",
        "kind": "train",
        "name": "n",
        "state": "running",
        "created_at": "2026-11-27T10:00:00.000000Z",
        "started_at": "2026-11-27T10:01:00.000000Z",
        "ended_at": "2026-11-27T10:03:05.000000Z",
        "error": None,
        "progress": {"done": 1, "total": 4},
    }
    shown = tables.queue([row, row | {"state": "done"}, row | {"state": "queued", "progress": None}])
    assert shown["progress"].tolist()[:2] == [0.25, 1.0] and pd.isna(shown["progress"][2])
    assert shown["took"][0] == "2 min 5 s" and shown["queued"][0] == "2026-11-27 10:00 UTC"
