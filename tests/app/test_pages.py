"""Every page of the lab draws on an empty workspace, saying what to do, and on a full one, showing what is
there; and nothing a browser sends does more than it may."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import corpora
from app.frame import PAGES
from engine.errors import ConfigError
from storage import jobs
from storage.db import connect
from tests.app import filled

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled.fill(tmp_path_factory.mktemp("full"))


@pytest.fixture
def full(home: Path, once: Path) -> Path:
    shutil.copytree(once, home, dirs_exist_ok=True)
    return home


def opened(page: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
    if page == "overview":
        return ran(at.run())
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    return ran(at.switch_page(f"views/{page}.py").run())


def ran(at: AppTest) -> AppTest:
    assert not at.exception, at.exception[0].stack_trace
    return at


def said(at: AppTest) -> str:
    """All text of a page, Markdown's backslashes taken out."""
    kinds = (
        at.markdown,
        at.caption,
        at.header,
        at.subheader,
        at.title,
        at.text,
        at.error,
        at.warning,
        at.success,
        at.code,
    )
    found = [str(e.value) for kind in kinds for e in kind] + [bar.proto.text for bar in at.get("progress")]
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", "\n".join(found))


EMPTY = {
    "overview": "No experiment yet",
    "data": "No dataset of your own yet",
    "index": "No index yet",
    "train": "No training yet",
    "evaluate": "No evaluation yet",
    "jobs": "No job yet",
    "models": "Nothing was made yet",
    "playground": "The playground does not run",
}


def test_the_list_of_empty_states_is_whole() -> None:
    assert EMPTY.keys() == PAGES.keys()


@pytest.mark.parametrize("name", EMPTY)
def test_on_an_empty_workspace_a_page_says_what_to_do(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANTAM_PLAYGROUND_PORT", "9")  # where no playground runs, whatever else does here
    at = opened(name)
    assert EMPTY[name] in said(at) and not at.error
    assert at.title[0].value == PAGES[name][0]


FULL = {
    "overview": ["Running now", "train space-0.0004", "120 of 400 steps", "RAG+Compress", "What to do next"],
    "data": ["fingerprint"],
    "index": ["Inspector", "Build an index"],
    "train": ["Loss", "Learning rate", "Numbers side by side", "Train an adapter"],
    "evaluate": ["Every answer", "Export", "Launch an ablation"],
    "jobs": [],
    "models": ["Adapters", "Indexes", "Datasets", "Lineage", "Manifest", "Delete"],
}


@pytest.mark.parametrize("name", FULL)
def test_on_a_full_workspace_a_page_shows_what_is_there(full: Path, name: str) -> None:
    at = opened(name)
    text = said(at)
    assert [words for words in FULL[name] if words not in text] == []
    assert EMPTY[name] not in text and not at.error


@pytest.mark.parametrize("name", FULL)
def test_every_widget_has_a_label_and_hostile_names_are_only_ever_text(full: Path, name: str) -> None:
    at = opened(name)
    widgets = [*at.selectbox, *at.multiselect, *at.number_input, *at.text_input, *at.button, *at.checkbox]
    assert all(widget.label.strip() for widget in widgets)
    for element in (*at.markdown, *at.caption, *at.error, *at.warning):
        loose = re.findall(r"(?<!\\)<img|(?<!\\)\*\*x|\[a\]\(javascript", str(element.value))
        assert not loose, element.value


def test_a_page_needs_no_torch(full: Path) -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"at = AppTest.from_file({str(ROOT / 'app/main.py')!r}, default_timeout=120).run()\n"
        f"[at.switch_page(f'views/{{page}}.py').run() for page in {[*PAGES][1:]}]\n"
        "assert not at.exception and not {'torch', 'transformers', 'faiss', 'gradio'} & set(sys.modules), "
        "sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


# jobs


def test_a_job_that_does_not_exist_is_said_and_the_queue_stays(full: Path) -> None:
    at = opened("jobs", id="../../etc/passwd **x**")
    assert "There is no job '../../etc/passwd **x**' in this workspace" in said(at)
    assert len(at.dataframe) == 1


def test_a_job_by_its_address_shows_everything_about_it(full: Path) -> None:
    at = opened("jobs", id=filled.RUNNING)
    text = said(at)
    for words in (
        "train space-0.0004",
        "120 of 400 steps",
        "about 1 min 35 s left",
        "attempt 1 of",
        "Run it again",
    ):
        assert words in text
    assert any("submit" in block.value and "train" in block.value for block in at.code)
    assert at.button(key="jobs_one_cancel")


def test_cancel_and_resume_go_through_the_queue(full: Path) -> None:
    at = opened("jobs", id=filled.QUEUED)
    ran(at.button(key="jobs_one_cancel").click().run())
    db = connect(full)
    assert state(db, filled.QUEUED) == jobs.CANCELLED
    at = opened("jobs", id=filled.CANCELLED)
    ran(at.button(key="jobs_one_resume").click().run())
    assert state(db, filled.CANCELLED) == jobs.QUEUED


def test_a_failed_job_says_why(full: Path) -> None:
    assert "The disk is full" in said(opened("jobs", id=filled.FAILED))


def test_a_copy_of_a_job_has_what_was_changed_and_nothing_else(full: Path) -> None:
    at = opened("jobs", id=filled.DONE)
    at.number_input(key=f"jobs_tweak_{filled.DONE}_r").set_value(4)
    ran(at.button(key="jobs_tweak_submit").click().run())
    db = connect(full)
    copy, old = jobs.listed(db, state=jobs.QUEUED, kind="train")[0], jobs.get(db, filled.DONE)
    assert old is not None and copy["spec"] == old["spec"] | {"r": 4}


def test_the_queue_is_filtered_by_state(full: Path) -> None:
    at = opened("jobs")
    at.selectbox(key="jobs_state").select("failed").run()
    assert list(ran(at).dataframe[0].value["state"]) == ["failed"]


def state(db: Any, id: str) -> str:
    row = jobs.get(db, id)
    assert row is not None
    return str(row["state"])


# launching


def test_the_quickstart_button_queues_its_jobs(home: Path) -> None:
    at = opened("overview")
    ran(at.button(key="overview_quickstart").click().run())
    assert "is queued" in said(at)
    kinds = {row["kind"] for row in jobs.listed(connect(home), limit=50)}
    assert "ablation" in kinds


def test_the_second_button_asks_the_larger_model(home: Path) -> None:
    at = opened("overview")
    ran(at.button(key="overview_smollm2").click().run())
    ablation = jobs.listed(connect(home), kind="ablation")[0]
    assert ablation["spec"]["small"].startswith("smollm2")


def test_a_form_queues_what_it_says(full: Path) -> None:
    at = opened("train")
    at.number_input(key="train__r").set_value(4)
    ran(at.button(key="train_submit").click().run())
    newest = jobs.listed(connect(full), kind="train", state=jobs.QUEUED)[0]
    assert newest["spec"]["r"] == 4


def test_the_memory_estimate_moves_with_the_knobs(full: Path) -> None:
    at = opened("train")
    before = at.metric[0].value
    at.number_input(key="train__micro_batch").set_value(1).run()
    assert ran(at).metric[0].value != before
    assert "Measured peaks of past runs" in said(at) and "1.9 GB" in said(at)


def test_two_runs_are_overlaid_and_only_what_differs_is_listed(full: Path) -> None:
    at = opened("train")
    at.multiselect(key="train_runs").set_value([filled.DONE, filled.OTHER]).run()
    ran(at)
    settings = at.dataframe[-1].value
    assert set(settings["setting"]) == {"learning_rate", "epochs"}
    at.checkbox(key="train_differences").uncheck().run()
    assert len(ran(at).dataframe[-1].value) > 2


# evaluate


@pytest.mark.parametrize(("which", "count"), [("wrong", 3), ("refused", 1), ("unsupported", 2), ("right", 0)])
def test_answers_are_filtered(full: Path, which: str, count: int) -> None:
    at = opened("evaluate")
    at.selectbox(key="evaluate_arm").select("Baseline").run()
    at.selectbox(key="evaluate_which").select(which).run()
    ran(at)
    listed = [frame.value for frame in at.dataframe if "question" in frame.value]
    assert sum(map(len, listed)) == count


def test_a_question_shows_every_arms_answer_with_its_evidence(full: Path) -> None:
    at = opened("evaluate")
    at.selectbox(key="evaluate_question").select("q1").run()
    text = said(ran(at))
    assert "Huygens landed on Titan in January 2005." in text and "(cited)" in text
    boxes = [box.label.split(":")[0].replace("\\", "") for box in at.expander]
    assert boxes[:5] == ["Latency by stage", *filled.ARMS]
    assert "The adapter adds +4.4 [2.0, 7.1] F1 to RAG+Compress." in text
    stages = next(frame.value for frame in at.dataframe if "stage" in frame.value)
    assert list(stages.columns) == ["stage", *filled.ARMS] and stages["Baseline"].iloc[-1] == "50.0 / 50.0"


def test_a_calibration_is_shown_where_there_is_one_else_how_to_get_it(full: Path) -> None:
    assert "jobs calibrate --name space" in said(opened("evaluate"))
    folder = full / "artifacts" / "calibration" / "space"
    folder.mkdir(parents=True)
    (folder / "report.md").write_text("# Calibration of space\n\nAUROC 0.81\n", encoding="utf-8")
    at = opened("evaluate")
    assert "**Calibration of space**" in said(at) and "AUROC 0.81" in said(at)


# index


def test_the_inspector_shows_chunks_bullets_reasons_and_tokens_saved_for_two_settings(
    home: Path, embedder: Any
) -> None:
    filled.fill(home, index=True)
    at = opened("index")
    at.checkbox(key="index_two").check().run()
    at.number_input(key="index_b_bullets").set_value(1)
    at.text_input(key="index_question").input("When did Huygens land on Titan?").run()
    text = said(ran(at))
    assert "Huygens landed on Titan in January 2005." in text and "it holds Huygens" in text.replace(
        "Titan, ", ""
    )
    assert [len(frame.value) for frame in at.dataframe] == [3, 3]
    assert set(at.dataframe[0].value) >= {"dense", "bm25", "fused", "where"}
    assert set(at.dataframe[0].value["where"]) == {"page 3"} and ", page 3: it holds" in text
    assert "keeps no pages and sections" not in text
    kept = [metric.value for metric in at.metric if metric.label == "Tokens of the bullets"]
    assert int(kept[0]) > int(kept[1]), "one bullet has fewer tokens than six"


# models


def test_what_depends_on_an_adapter_is_named_and_it_stays(full: Path) -> None:
    at = opened("models")
    at.selectbox(key="models_which").select(f"adapter {filled.ADAPTER}").run()
    text = said(ran(at))
    assert "experiment space depends on it" in text and f"dataset {filled.DATASET}" in text, (
        "lineage both ways"
    )
    assert at.button(key="models_delete").disabled and at.checkbox[0].disabled


def test_what_nothing_depends_on_is_deleted_once_the_box_is_ticked(full: Path) -> None:
    at = opened("models")
    at.selectbox(key="models_which").select("experiment space").run()
    assert at.button(key="models_delete").disabled
    at.checkbox(key="models_sure_space").check().run()
    ran(at.button(key="models_delete").click().run())
    assert "The experiment space is deleted" in said(at)
    assert not (full / "artifacts/experiment/space").exists()
    assert (full / "artifacts/adapter" / filled.ADAPTER).is_dir()


# uploads


class File:
    def __init__(self, name: str, content: bytes = b"A text.", size: int | None = None) -> None:
        self.name, self.content, self.size = name, content, len(content) if size is None else size

    def getbuffer(self) -> memoryview:
        return memoryview(self.content)


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("../up", File("a.md"), "The name '../up' cannot be used"),
        ("", File("a.md"), "The name '' cannot be used"),
        ("up", File("../../a.md"), "The file name '../../a.md' cannot be used"),
        ("up", File(".."), "The file name '..' cannot be used"),
        ("up", File("a\0.md"), "cannot be used"),
        ("up", File("a.md", size=2_000_000_000), "2000 MB, more than the 200 MB"),
    ],
)
def test_an_upload_that_is_not_fit_is_refused_and_nothing_is_written(
    home: Path, name: str, file: File, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        corpora.save(name, [file])
    assert not (home / "uploads").exists()


def test_uploaded_files_can_be_looked_into_before_they_are_imported(home: Path) -> None:
    corpora.save("mine", [File("a.md", b"# Mars\n\nMars is a planet."), File("b.jsonl", b"{broken\n")])
    at = opened("data", part="Import")
    assert "Rows that cannot be read are named" in said(at)
    frames = [frame.value for frame in at.dataframe]
    assert any("reason" in frame and "broken JSON" in frame["reason"][0] for frame in frames)


def test_a_server_takes_no_file_beyond_what_the_loader_reads() -> None:
    server = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["server"]
    assert server["maxUploadSize"] * 1024**2 <= corpora.FILE_BYTES
