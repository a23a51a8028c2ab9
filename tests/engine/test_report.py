"""The report's three files say the same, claim no more than the intervals allow, and show hostile names as
text.
"""

import csv
import re
from dataclasses import astuple, fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import StorageError
from engine.evaluation import figures, report
from engine.evaluation.harm import adapter_sentence
from engine.evaluation.page import STYLE
from engine.evaluation.report import sentences, table, write_report
from engine.evaluation.scoring import Difference, Row
from engine.evaluation.timing import Timing

NOTHING = Row("empty", *[None] * 14)
BASE = Row("Baseline", 2.1, 8.104, 3.0, 100.0, None, 0.0, 45.2, 6.3, None, 22.4, 40.1, None, None, None)
RAG = Row("RAG+Compress", 48, 56.4, 56, 90.0, 93.1, 70.0, 225.3, 4.4, 71.2, 57.2, 81.5, 48.3, 41.0, 55.2)
LORA = Row("LoRA", 3.1, 9.3, 4.0, 98.0, None, None, 45.2, 6.3, None, 20.4, 43.1, 1.2, -0.5, 3.0)
ROWS = [BASE, LORA, RAG]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>|`*\"'&{x}\n# y"
SAID = {"notes": ["One note."], "facts": {"machine": "2 cores"}, "command": "python -m jobs quickstart"}


class Page(HTMLParser):
    """What a browser would find: the tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.raw = tag if tag in ("script", "style") else self.raw

    def handle_endtag(self, tag: str) -> None:
        self.raw = "" if tag == self.raw else self.raw

    def handle_data(self, data: str) -> None:
        if not self.raw:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page(folder: Path, rows: list[Row] = ROWS, title: str = "space", **said) -> Page:
    write_report(folder, title, rows, **{**SAID, **said})
    return Page((folder / "report.html").read_text())


def test_the_csv_has_the_promised_columns_four_decimals_and_gaps(tmp_path):
    write_report(tmp_path, "space", [*ROWS, NOTHING], **SAID)
    header, *lines = list(csv.reader((tmp_path / "report.csv").open(newline="")))
    assert ",".join(header) == (
        "arm,em,f1,accuracy,answered,citation_precision,unanswerable_refused,prompt_tokens,output_tokens,"
        "token_reduction,p50_ms,p95_ms,f1_delta,f1_low,f1_high"
    )
    for row, cells in zip([*ROWS, NOTHING], lines, strict=True):
        for value, cell in zip(astuple(row)[1:], cells[1:], strict=True):
            assert cell == "" if value is None else re.fullmatch(r"-?\d+\.\d{4}", cell)
            assert value is None or float(cell) == pytest.approx(value, abs=0.00005)


def test_the_table_is_aligned_markdown_with_a_dash_for_what_was_not_scored():
    lines = table([*ROWS, NOTHING]).splitlines()
    assert len(lines) == 2 + 4
    assert len({len(line) for line in lines}) == 1
    assert {line.count("|") for line in lines} == {14}
    assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
    heads = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert ",".join(heads) == (
        "arm,EM,F1,accuracy,answered %,citation precision %,unanswerable refused %,prompt tokens,"
        "output tokens,token reduction %,p50 ms,p95 ms,F1 - Baseline [95 %]"
    )
    assert [cell.strip() for cell in lines[-1].strip("|").split("|")] == ["empty"] + ["-"] * 12
    assert "+48.3 [41.0, 55.2]" in lines[4]


def test_a_name_with_pipes_does_not_add_columns():
    lines = table([replace(BASE, arm=HOSTILE)]).splitlines()
    assert len(lines) == 3
    assert len(re.findall(r"(?<!\\)\|", lines[2])) == 14


def test_sentences_say_what_was_bought_and_what_it_cost():
    assert sentences(ROWS)[2] == (
        "RAG+Compress: F1 +48.3 [41.0, 55.2] over Baseline for 180 more prompt tokens and 35 ms more at "
        "the median; it refuses 70 % of the questions the documents do not answer and 10 % of those they do "
        "answer."
    )
    assert sentences(ROWS)[1] == (
        "LoRA: no difference in F1 to Baseline that this sample can show (+1.2 [-0.5, 3.0]) for no more "
        "prompt tokens and 2.0 ms less at the median; it refuses 2 % of the questions the documents do "
        "answer."
    )
    assert sentences([BASE])[0].startswith("Baseline: F1 8.1 with 45 prompt tokens and 22 ms at the median; ")


PLAIN, TUNED = RAG, replace(RAG, arm="LoRA+RAG+Compress", unanswerable_refused=62.0)


@pytest.mark.parametrize(
    ("gain", "refused", "said"),
    [
        (
            Difference(4.4, 2.04, 7.1),
            70.0,
            "The adapter adds +4.4 [2.0, 7.1] F1 to RAG+Compress and costs no refusals: it refuses 70 % of "
            "the questions the documents do not answer, 70 % without it.",
        ),
        (
            Difference(0.1, -2.0, 2.3),
            62.0,
            "The adapter makes no difference in F1 to RAG+Compress that this sample can show (+0.1 [-2.0, "
            "2.3]), but harms refusals here: it refuses 62 % of the questions the documents do not answer, "
            "70 % without it.",
        ),
        (
            Difference(-3.0, -5.0, -1.0),
            None,
            "The adapter harms grounded answers here: F1 -3.0 [-5.0, -1.0] against RAG+Compress.",
        ),
        (
            Difference(100.0, None, None),
            None,
            "The adapter changes F1 by +100.0 against RAG+Compress (too few questions for an interval).",
        ),
    ],
)
def test_what_the_adapter_buys_or_harms_with_evidence_is_one_sentence(tmp_path, gain, refused, said):
    assert adapter_sentence(replace(TUNED, unanswerable_refused=refused), PLAIN, gain) == said
    found = page(tmp_path, [BASE, PLAIN, TUNED], also=[said])
    assert said in "".join(found.texts)
    assert f"- {said}" in (tmp_path / "report.md").read_text()


@given(st.floats(-100, 100), st.floats(0, 50), st.floats(0, 50))
def test_a_gain_or_loss_is_claimed_only_if_the_printed_interval_excludes_zero(delta, below, above):
    row = replace(RAG, f1_delta=delta, f1_low=delta - below, f1_high=delta + above)
    said = sentences([BASE, row])[1]
    low, high = map(float, re.search(r"\[(\S+), (\S+)\]", said).groups())
    assert ("no difference" in said) == (low <= 0 <= high)
    assert ("over Baseline" in said) == (low > 0)
    assert ("below Baseline" in said) == (high < 0)
    assert "-0.0" not in said


@given(st.lists(st.none() | st.floats(0, 1000), min_size=14, max_size=14))
def test_every_row_gets_a_sentence_and_a_line_whatever_was_not_scored(values):
    row = Row("x", *values)
    for rows in ([row], [BASE, row]):
        said = sentences(rows)
        assert len(said) == len(rows)
        assert all(re.fullmatch(r"[^\n]+[^,;: ]\.", sentence) for sentence in said)
        assert not re.search(r"None|nan|  |, \.|,\.", said[-1])
        assert len(table(rows).splitlines()) == 2 + len(rows)


def test_without_an_arm_named_baseline_the_first_is_compared_with():
    rows = [replace(BASE, arm="plain"), RAG]
    assert "over plain" in sentences(rows)[1]
    assert "F1 - plain [95 %]" in table(rows)


def test_the_page_is_one_accessible_file_that_needs_no_network(tmp_path):
    found = page(tmp_path)
    assert found.all("html")[0]["lang"] == "en"
    assert (
        len(found.all("h1"))
        == len(found.all("title"))
        == len(found.all("caption"))
        == len(found.all("main"))
        == 1
    )
    assert {attrs["scope"] for attrs in found.all("th")} == {"col", "row"}
    alternatives = [attrs["aria-label"] for attrs in found.all("div") if attrs.get("role") == "img"]
    assert alternatives == [figures.describe_f1(ROWS), figures.describe_latency(ROWS)]
    assert not [attrs for _, attrs in found.tags if "src" in attrs or "href" in attrs]
    policy = next(m["content"] for m in found.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    text = (tmp_path / "report.html").read_text()
    assert text.count("plotly.js v") == 1
    assert "prefers-color-scheme: dark" in STYLE and STYLE in text


def test_hostile_names_are_shown_and_never_run(tmp_path):
    plain = page(tmp_path / "plain", also=["One more."], times=[Timing("draft", "Baseline", 1.0, 2.0)])
    rows = [replace(row, arm=row.arm + HOSTILE) for row in ROWS]
    times = [Timing(HOSTILE, HOSTILE, 1.0, 2.0)]
    found = page(
        tmp_path / "hostile",
        rows,
        HOSTILE,
        notes=[HOSTILE],
        facts={HOSTILE: HOSTILE},
        command=HOSTILE + "````",
        also=[HOSTILE],
        times=times,
    )
    assert [tag for tag, _ in found.tags if tag != "wbr"] == [tag for tag, _ in plain.tags if tag != "wbr"]
    assert "".join(found.texts).count(HOSTILE) >= 11
    markdown = (tmp_path / "hostile" / "report.md").read_text()
    outside = markdown[: markdown.index("## Again")]
    assert "<" not in outside
    assert [line for line in outside.splitlines() if line.startswith("#")][1:] == [
        "## Latency by stage",
        "## Notes",
        "## Measured on",
    ]
    assert markdown.rstrip().endswith("\n`````")


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_plotly_never_sees_a_tag_in_a_name(name):
    rows = [replace(BASE, arm=name), replace(RAG, arm=f"<a href='javascript:x'>{name}</a>")]
    for figure in (figures.f1_against_tokens(rows), figures.latency(rows)):
        shown = [note.text for note in figure.layout.annotations]
        assert len(shown) == 2
        assert not any("<" in text for text in shown)


def test_figures_hold_the_rows_and_their_intervals():
    points = figures.f1_against_tokens([*ROWS, NOTHING]).data[0]
    assert list(points.x) == [45.2, 45.2, 225.3]
    assert list(points.y) == [8.104, 9.3, 56.4]
    assert points.error_y.array[0] is None
    assert points.error_y.array[2] == pytest.approx(55.2 - 48.3)
    assert points.error_y.arrayminus[2] == pytest.approx(48.3 - 41.0)
    p50, p95 = figures.latency([*ROWS, NOTHING]).data
    assert (list(p50.x), list(p95.x)) == ([22.4, 20.4, 57.2], [40.1, 43.1, 81.5])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_labels_of_points_never_lie_on_each_other(scores):
    heights = [figures.PLOT_HEIGHT * score / figures.TOP for score in scores]
    placed = sorted(h + s for h, s in zip(heights, figures._spread(heights), strict=True))
    assert all(b - a >= figures.LABEL_GAP - 1e-6 for a, b in pairwise(placed))
    assert 0 <= placed[0] and placed[-1] <= figures.PLOT_HEIGHT


def test_a_report_without_scores_has_words_in_place_of_figures(tmp_path):
    found = page(tmp_path, [NOTHING], notes=[], facts={})
    text = "".join(found.texts)
    assert not [attrs for attrs in found.all("div") if attrs.get("role") == "img"]
    assert "No arm was scored." in text and "No arm was timed." in text
    assert figures.f1_against_tokens([NOTHING]) is figures.latency([NOTHING]) is None


def test_equal_input_gives_equal_bytes_and_a_second_report_replaces_the_first(tmp_path):
    names = ["report.csv", "report.html", "report.md"]
    write_report(tmp_path, "space", ROWS, **SAID)
    first = [(tmp_path / name).read_bytes() for name in names]
    write_report(tmp_path, "space", [BASE], **SAID)
    write_report(tmp_path, "space", ROWS, **SAID)
    assert [(tmp_path / name).read_bytes() for name in names] == first
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_report(tmp_path, "space", ROWS, **SAID)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_args) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        write_report(tmp_path, "other", [BASE], **SAID)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Name a folder"):
        write_report(tmp_path / "file" / "report", "space", ROWS, **SAID)


def test_a_report_of_no_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        write_report(tmp_path, "space", [], **SAID)
    assert not list(tmp_path.iterdir())


def test_the_columns_are_the_fields_of_row():
    assert (
        len(report._header(ROWS)) == len(fields(Row)) - 2
    )  # the interval shares its column with the difference
