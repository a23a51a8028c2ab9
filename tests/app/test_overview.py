"""The page Overview shows every experiment of the workspace as it is, says what to do when there is none, and
shows hostile names as text.
"""

import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import charts
from app.experiments import COLUMNS, experiments, read_rows
from engine.errors import ArtifactError
from engine.evaluation import report
from engine.evaluation.figures import PALETTES
from engine.evaluation.scoring import Row

ROOT = Path(__file__).parents[2]
BASE = Row("Baseline", 2.1, 8.1, 3.0, 100.0, None, 0.0, 45.2, 6.3, None, 22.4, 40.1, None, None, None)
RAG = Row("RAG+Compress", 48.0, 56.4, 56.0, 90.0, 93.1, 70.0, 225.3, 4.4, 71.2, 57.2, 81.5, 48.3, 41.0, 55.2)
LARGE = Row("Large", 50.0, 59.0, 58.0, 91.0, 94.0, 71.0, 240.0, 4.6, 71.2, 900.0, 1200.0, 50.9, 43.0, 58.0)
UNTIMED = Row("Untimed", 1.0, 2.0, *[None] * 12)
HEADER = (",".join(COLUMNS) + "\n").encode()
HOSTILE = "**x** <img src=q onerror=alert(1)> `y` $z$ :red[w] [a](javascript:b) & 'c' \"d\""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    return tmp_path


def made(home: Path, name: str, rows: list[Row], age: int = 0) -> Path:
    folder = home / "artifacts" / "experiment" / name / "report"
    report.write_report(folder, name, rows, notes=[], facts={}, command="make quickstart")
    written = 1_700_000_000 - age
    os.utime(folder / "report.csv", (written, written))
    return folder


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()
    assert not at.exception
    return at


def markdown(at: AppTest) -> str:
    return "\n".join(e.value for kind in (at.markdown, at.caption, at.header, at.title) for e in kind)


def plots(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


def drawn(at: AppTest) -> list[dict[str, Any]]:
    charts = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]
    return [label for chart in charts for label in chart["layout"]["annotations"]]


@pytest.mark.parametrize("left", ["", "artifacts/experiment/half/report", "artifacts/experiment/.space-tmp"])
def test_without_a_whole_experiment_it_says_what_to_run(home: Path, left: str) -> None:
    (home / left).mkdir(parents=True, exist_ok=True)
    at = opened()
    assert at.code[0].value == "make quickstart"
    assert "No experiment yet" in markdown(at)
    assert not at.dataframe and not plots(at) and not at.error


def test_an_experiment_that_ends_meanwhile_is_shown_on_the_next_look(home: Path) -> None:
    at = opened()
    made(home, "space", [BASE, RAG])
    at.button(key="overview_look_again").click().run()
    assert len(at.dataframe) == 1


def test_one_experiment_is_shown_with_its_numbers_sentences_and_figures(home: Path) -> None:
    folder = made(home, "space", [BASE, RAG])
    at = opened()
    shown = at.dataframe[0].value
    assert list(shown["arm"]) == ["Baseline", "RAG+Compress"]
    assert list(shown["f1"]) == [8.1, 56.4]
    assert list(shown["gain"]) == ["", "+48.3 [41.0, 55.2]"]
    assert shown["citation_precision"].isna().tolist() == [True, False], "not scored is not 0"
    texts = [text.value for text in at.text]
    assert all(sentence in texts for sentence in report.sentences([BASE, RAG]))
    assert plots(at) == 2
    assert not at.selectbox and "Experiment space" in texts
    assert at.code[-1].value == str(folder.resolve())
    assert "2023-11-14 22:13 UTC" in markdown(at)


def test_of_several_experiments_the_newest_is_shown_and_another_can_be_chosen(home: Path) -> None:
    made(home, "old", [BASE], age=100)
    made(home, "new", [BASE, RAG, LARGE])
    at = opened()
    box = at.selectbox(key="overview_experiment")
    assert (box.label, box.options, box.value) == ("Experiment", ["new", "old"], "new")
    assert len(at.dataframe[0].value) == 3
    box.select("old").run()
    assert len(at.dataframe[0].value) == 1


def test_hostile_names_are_only_ever_text(home: Path) -> None:
    rows = [replace(BASE, arm=HOSTILE), RAG]
    made(home, HOSTILE.replace("/", ""), rows)
    at = opened()
    assert any(HOSTILE in text.value for text in at.text)
    assert list(at.dataframe[0].value["arm"]) == [HOSTILE, "RAG+Compress"]
    assert "img" not in markdown(at) and "javascript" not in markdown(at)
    labels = [label["text"] for label in drawn(at) if "img" in label["text"] or "**x**" in label["text"]]
    assert labels and not any("<" in label for label in labels), "Plotly reads tags in its texts"


def test_what_was_not_timed_has_words_in_place_of_a_figure(home: Path) -> None:
    made(home, "space", [UNTIMED])
    at = opened()
    assert plots(at) == 0
    assert "Latency of a question. No arm was timed." in [text.value for text in at.text]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (b"arm,f1\nBaseline,1\n", "its columns are not those of a report"),
        (b"\xff\xfe\x00", "it is not text"),
        (HEADER, "has no rows"),
        (HEADER + b"Baseline" + b",nan" * 14 + b"\n", "not finite"),
        (HEADER + b"Baseline,1,2\n", "3 cells in place of 15"),
        (b"x" * 1_000_001, "larger than a report can be"),
    ],
)
def test_a_report_that_is_not_one_is_said_in_one_sentence(home: Path, content: bytes, reason: str) -> None:
    (made(home, "space", [BASE]) / "report.csv").write_bytes(content)
    at = opened()
    assert len(at.error) == 1
    said = at.error[0].value.replace("\\", "")
    assert reason in said and "run the experiment again" in said
    assert not at.dataframe


def test_the_report_is_read_back_as_it_was_written(home: Path) -> None:
    rows = [BASE, RAG, replace(LARGE, arm='a,"b"\nc'), UNTIMED]
    made(home, "space", rows)
    (found,) = experiments(home)
    assert read_rows(found) == rows


def test_a_link_out_of_the_workspace_is_no_experiment(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    made(outside, "secret", [BASE])
    made(home, "space", [BASE])
    (home / "artifacts" / "experiment" / "link").symlink_to(outside / "artifacts" / "experiment" / "secret")
    assert [experiment.name for experiment in experiments(home)] == ["space"]


def test_a_workspace_that_cannot_be_read_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", locked)
    with pytest.raises(ArtifactError, match="Permission denied.*make the folder readable"):
        experiments(home)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_figures_wear_the_page_they_are_on(mode: str) -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][mode]
    for draw in (charts.f1_against_tokens, charts.latency):
        figure = draw([BASE, RAG], dark=mode == "dark")
        assert figure is not None
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == theme["backgroundColor"]
        assert figure.layout.font.color == PALETTES[mode]["ink"]
        assert figure.layout.xaxis.gridcolor == figure.layout.yaxis.gridcolor == PALETTES[mode]["grid"]


def test_the_lab_listens_on_this_machine_only_and_phones_nobody() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableCORS"] is settings["server"]["enableXsrfProtection"] is True
    assert settings["browser"]["gatherUsageStats"] is False
