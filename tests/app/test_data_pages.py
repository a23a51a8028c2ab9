"""The page Data: what is brought in is looked at, mapped, imported, cleaned, divided, written and reviewed by
jobs; what makes no sense is one sentence, and what is gone is said."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.data import downloads
from app.data.mapping import MOST_BOXED
from app.data.pairing import MORE, SOURCES
from jobs import review
from jobs.kinds import KINDS
from storage import decisions, jobs
from storage.db import connect
from tests.app import datafilled, filled
from tests.app.test_pages import opened, ran, said

TOGETHER = "Frage,Antwort,Absatz\nWann landete Huygens?,2005,Huygens landete 2005 auf dem Titan.\n,leer,\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return datafilled.fill(filled.fill(tmp_path_factory.mktemp("full")))


@pytest.fixture
def full(home: Path, once: Path) -> Path:
    shutil.copytree(once, home, dirs_exist_ok=True)
    return home


def part(name: str) -> AppTest:
    return opened("data", part=name)


def uploaded(home: Path, name: str, **files: str | bytes) -> None:
    place = home / "uploads" / name
    place.mkdir(parents=True)
    for file, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (place / file.replace("_", ".")).write_bytes(data)


def box(at: AppTest, field: str) -> Any:
    """The select box of a field of the mapping."""
    return next(one for one in at.selectbox if one.label == field and "data_map" in (one.key or ""))


def queued(home: Path, kind: str) -> list[dict[str, Any]]:
    return jobs.listed(connect(home), kind=kind, state=jobs.QUEUED)


EMPTY = {
    "Look": "No dataset of your own yet",
    "Import": "Rows that cannot be read are named",
    "Clean": "No cleaned dataset yet",
    "Split": "No split yet",
    "Synthesize": "No questions were written yet",
    "Pairs": "No pairs yet",
}
FULL = {
    "Look": ["Dataset 5b5b", "fingerprint"],
    "Import": ["Bring your own documents"],
    "Clean": ["Clean report", "To undo it, go on with notes", "Go back to notes"],
    "Split": [
        "Every split is the one that was frozen",
        "like one of a later split, 1 of dev, were taken out",
        "Fingerprints: dev",
    ],
    "Synthesize": [
        "25 of 64 requests",
        "$0.0371",
        "Near, and not the answer",
        "doc-1 from letter 0 to 180",
        "Dropped",
    ],
    "Pairs": ["0 of 3 decided", "When did Huygens land on Titan?", "margin 0.61"],
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_part_says_what_to_do(home: Path, name: str) -> None:
    at = part(name)
    assert EMPTY[name] in said(at) and not at.error


@pytest.mark.parametrize("name", FULL)
def test_a_part_shows_what_there_is_and_hostile_text_is_text(full: Path, name: str) -> None:
    at = part(name)
    text = said(at) + "".join(button.label for button in at.button)
    assert [words for words in FULL[name] if words not in text] == [] and not at.error
    for element in (*at.markdown, *at.caption, *at.error, *at.warning):
        assert "\n<img" not in str(element.value) and " <img" not in str(element.value)
    widgets = [*at.selectbox, *at.number_input, *at.text_input, *at.button, *at.checkbox, *at.radio]
    assert all(widget.label.strip() for widget in widgets)


# uploads


def test_an_upload_is_deleted_once_it_is_confirmed_and_no_import_reads_it(home: Path) -> None:
    uploaded(home, "mine", notes_txt="The keel was oak, the mast was pine.")
    uploaded(home, "other", notes_txt="Another text of some words.")
    at = part("Import")
    assert at.selectbox(key="data_uploads").value == "mine"
    assert at.button(key="data_upload_delete").disabled
    at.button(key="data_import_submit").click().run()
    at.checkbox(key="data_sure_mine").check().run()
    ran(at.button(key="data_upload_delete").click().run())
    assert "reads the files of 'mine'" in said(at) and (home / "uploads/mine").is_dir()
    connect(home).execute("update job set state = 'done'").connection.commit()
    ran(at.button(key="data_upload_delete").click().run())
    assert "The files of mine are deleted." in said(at) and not (home / "uploads/mine").exists()
    assert at.selectbox(key="data_uploads").value == "other"


def test_a_guessed_encoding_is_shown_and_another_can_be_named(home: Path) -> None:
    uploaded(home, "mine", fragen_txt="Zażółć gęślą jaźń. Rada Ministrów przyjęła ustawę.".encode("cp1250"))
    at = part("Import")
    (table,) = (one.value for one in at.dataframe if "how it was read" in one.value)
    assert "Windows-1250" in table["how it was read"][0] and "Zażółć" in table["how it was read"][0]
    at.text_input(key="data_encoding_mine").input("klingon").run()
    assert len(ran(at).error) == 1 and "There is no encoding 'klingon'" in said(at)
    at.text_input(key="data_encoding_mine").input("cp1250").run()
    assert not any("how it was read" in one.value for one in at.dataframe)
    ran(at.button(key="data_import_submit").click().run())
    assert queued(home, "import")[0]["spec"]["encoding"] == "cp1250"


# columns


def test_foreign_columns_are_guessed_and_can_be_changed_and_the_job_gets_them(home: Path) -> None:
    uploaded(home, "mine", fragen_csv=TOGETHER)
    at = part("Import")
    assert (box(at, "Question").value, box(at, "Answers").value, box(at, "Text").value) == (
        *("Frage", "Antwort"),
        "",
    )
    assert "Rejected (2)" not in [e.label for e in at.expander]
    box(at, "Text").select("Absatz").run()
    assert {"Documents (1)", "Questions (1)", "Rejected (1)"} <= {e.label for e in ran(at).expander}
    ran(at.button(key="data_import_submit").click().run())
    (row,) = queued(home, "import")
    assert row["spec"]["columns"] == "question=Frage,answers=Antwort,text=Absatz"
    assert row["spec"]["documents"] == str(home / "uploads/mine") and row["name"] == "mine"


def test_a_mapping_that_makes_no_sense_is_one_sentence_and_nothing_is_queued(home: Path) -> None:
    uploaded(home, "mine", fragen_csv=TOGETHER)
    at = part("Import")
    box(at, "Answers").select("Frage").run()
    assert [error.value.replace("\\", "") for error in ran(at).error] == [
        "The column 'Frage' cannot be question and answers at once: map each to its own column."
    ]
    box(at, "Answers").select("Antwort").run()
    box(at, "Question").select("").run()
    assert len(ran(at).error) == 1
    assert not [one for one in at.button if one.key == "data_import_submit"]


def test_preferences_are_seen_for_what_they_are(home: Path) -> None:
    rows = [
        {"ask": "Which moon?", "win": "Titan", "lose": "Mars"},
        {"ask": "Which?", "win": "A", "lose": "B"},
    ]
    uploaded(home, "mine", votes_jsonl="\n".join(map(json.dumps, rows)))
    at = part("Import")
    at.radio(key=next(r.key for r in at.radio if r.label == "What a row is")).set_value("pairs").run()
    box(at, "Prompt").select("ask").run()
    assert "Pairs (2)" in {e.label for e in ran(at).expander} and not at.error


def test_well_named_columns_need_no_mapping(home: Path) -> None:
    uploaded(home, "mine", rows_csv="question,answer,text\nWho?,Huygens,Huygens found Titan in 1655.\n")
    at = part("Import")
    assert "Columns are taken by their names: question = question" in said(at)
    ran(at.button(key="data_import_submit").click().run())
    assert queued(home, "import")[0]["spec"]["columns"] == ""


def test_very_many_columns_leave_the_page_usable(home: Path) -> None:
    wide = {f"column{n}": n for n in range(10_000)} | {"Frage": "Wann landete Huygens?", "Antwort": "2005"}
    uploaded(home, "mine", wide_jsonl=json.dumps(wide))
    at = part("Import")
    assert "20 of 10,002 columns" in said(at)
    assert all(len(one.options) <= MOST_BOXED + 3 for one in at.selectbox)
    assert len(at.dataframe[0].value.columns) == 20 and box(at, "Question").value == "Frage"
    assert "Questions (1)" in {e.label for e in at.expander}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("wide_csv", ",".join(f"c{n}" for n in range(10_000)) + "\n", "10,000 columns are above the limit"),
        ("empty_csv", "", "Nothing here can be used: "),
        ("notes_pdf", "This is no PDF.", "Nothing here can be used: "),
        ("photo_csv", b"\x89PNG\r\n\x1a\n\0\0\0\0", "cannot be read"),
        ("sheet_json", "{broken", "broken JSON"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_one_sentence(
    home: Path, name: str, content: str | bytes, sentence: str
) -> None:
    uploaded(home, "mine", **{name: content})
    at = part("Import")
    assert len(at.error) == 1 and sentence in said(at)


# the web


def test_the_web_is_off_until_it_is_switched_on(home: Path) -> None:
    at = part("Import")
    assert not [one for one in at.text_input if one.key == "data_web_address"]
    at.toggle(key="data_web").set_value(True).run()
    at.text_input(key="data_web_address").input("file:///etc/passwd")
    ran(at.button(key="data_web_submit").click().run())
    assert "'file:///etc/passwd' is no web address" in said(at) and not queued(home, "import")
    at.text_input(key="data_web_address").input("https://example.org/a.html")
    ran(at.button(key="data_web_submit").click().run())
    spec = queued(home, "import")[0]["spec"]
    assert spec["url"] is True and spec["documents"] == "https://example.org/a.html"


# clean, split


def test_every_filter_can_be_turned_off(full: Path) -> None:
    at = part("Clean")
    at.selectbox(key="clean_dataset").select("notes")
    for one in ("normalise", "boilerplate", "exact", "near", "shortest", "quality"):
        at.checkbox(key=f"clean_on_{one}").uncheck()
    at.run()
    at.checkbox(key="clean_on_pii").check().run()
    ran(at.button(key="clean_submit").click().run())
    spec = queued(full, "clean")[0]["spec"]
    off = {
        "normalise": False,
        "boilerplate": False,
        "exact": False,
        "near": 0.0,
        "shortest": 0,
        "quality": 0.0,
    }
    assert spec == {**off, "longest": 0, "language": "", "pii": "all", "dataset": "notes", "name": ""}


def test_a_language_that_is_none_is_one_sentence(full: Path) -> None:
    at = part("Clean")
    at.checkbox(key="clean_on_language").check().run()
    at.text_input(key="clean_language").input("english!").run()
    ran(at.button(key="clean_submit").click().run())
    assert len(at.error) == 1 and "'english!' cannot be used" in said(at) and not queued(full, "clean")


def test_questions_that_went_with_their_document_are_shown_with_the_reason(full: Path) -> None:
    at = part("Clean")
    assert [metric.value for metric in at.metric if metric.label == "Questions left out"] == ["1"]
    (lost,) = (table.value for table in at.dataframe if "question" in table.value)
    assert lost["question"][0] == "What is tiny?" and "fewer than 20" in lost["reason"][0]


def test_undo_shows_the_dataset_that_the_clean_one_was_made_of(full: Path) -> None:
    at = part("Clean")
    ran(at.button(key="clean_undo").click().run())
    assert f"Dataset {datafilled.RAW}" in said(at)


@pytest.mark.parametrize("name", ["Look", "Clean", "Split", "Synthesize", "Pairs"])
def test_what_was_deleted_meanwhile_is_said_in_a_sentence(full: Path, name: str) -> None:
    at = part(name)
    shutil.rmtree(full / "artifacts")
    ran(at.run())
    assert len(at.error) <= 1 and "Traceback" not in said(at)
    if name == "Look":
        assert "was deleted from the workspace" in said(at)


# synthesize


def test_a_teacher_without_a_model_is_refused_and_the_index_is_built_before_it_writes(full: Path) -> None:
    at = part("Synthesize")
    at.radio(key="write_who").set_value("compose").run()
    at.selectbox(key="write_compose_dataset").select("notes")
    ran(at.button(key="write_compose_submit").click().run())
    assert "Model '' cannot be used" in said(at) and not queued(full, "compose")
    at.text_input(key="write_compose_model").input("teacher-large")
    at.multiselect(key="write_compose_kinds").set_value(["fact", "why"])
    ran(at.button(key="write_compose_submit").click().run())
    (job,), (index,) = queued(full, "compose"), queued(full, "index")
    assert job["needs"] == [index["id"]] and index["spec"]["dataset"] == "notes"
    assert job["spec"]["kinds"] == "fact,why" and "http" in job["spec"]["base_url"]


def test_the_cost_of_a_teacher_is_shown_before_anything_is_asked(home: Path, embedder: Any) -> None:
    filled.fill(home, index=True)
    at = part("Synthesize")
    at.radio(key="write_who").set_value("compose").run()
    at.text_input(key="write_compose_model").input("teacher-large")
    at.number_input(key="write_compose_price_in").set_value(1000.0)
    at.number_input(key="write_compose_target").set_value(1)
    ran(at.button(key="write_compose_estimate").click().run())
    shown = {one.label: one.value for one in at.metric}
    low, high = shown["Calls"].split(" to ")
    assert (low, shown["Cost at most"][0]) == ("1", "$") and int(high) > 1
    assert float(shown["Cost at most"].split(" to ")[1].removeprefix("$")) > 0
    assert "No cap is set" in said(at) and not queued(home, "compose")


# pairs


def test_a_pair_is_accepted_rejected_skipped_and_taken_back(full: Path) -> None:
    pairs = [review.name_of(pair) for pair in datafilled.three()]
    at = part("Pairs")
    ran(at.button(key="pairs_skip").click().run())
    assert "What do the lakes of Titan hold?" in said(at), "the first was put behind the others"
    ran(at.button(key="pairs_accept").click().run())
    ran(at.button(key="pairs_reject").click().run())
    db = connect(full)
    assert decisions.read(db) == {pairs[1]: "accepted", pairs[2]: "rejected"}
    assert "When did Huygens land on Titan?" in said(at) and "2 of 3 decided" in said(at)
    ran(at.button(key="pairs_undo").click().run())
    assert decisions.read(db) == {pairs[1]: "accepted"}
    ran(at.button(key="pairs_accept").click().run())
    ran(at.button(key="pairs_accept").click().run())
    assert "All pairs are decided" in said(at) and at.button(key="pairs_accept").disabled
    assert set(decisions.read(db).values()) == {"accepted"} and len(decisions.read(db)) == 3


@pytest.mark.parametrize("source", SOURCES)
def test_pairs_are_made_of_what_was_chosen_with_its_settings_only(full: Path, source: str) -> None:
    at = part("Pairs")
    at.radio(key="pairs_source").set_value(source).run()
    ran(at.button(key=f"pairs_{source}_submit").click().run())
    if source == "teacher":
        assert "pairs from a teacher need its model" in said(at) and not queued(full, "pairs")
        at.text_input(key="pairs_teacher_model").input("teacher-large")
        ran(at.button(key="pairs_teacher_submit").click().run())
    (job,) = queued(full, "pairs")
    assert (job["spec"]["source"], job["spec"]["experiment"]) == (source, "space")


def test_every_setting_of_pairs_is_offered_for_some_source() -> None:
    offered = {"source", *MORE, *(field for source in SOURCES.values() for field in source.fields)}
    assert offered == set(KINDS["pairs"].Spec.model_fields)


def test_keys_can_be_switched_off(full: Path) -> None:
    at = part("Pairs")
    assert at.button(key="pairs_accept").proto.shortcut.lower() == "a"
    at.checkbox(key="pairs_keys").uncheck().run()
    assert not ran(at).button(key="pairs_accept").proto.shortcut


def test_a_decision_in_another_set_counts_and_is_not_undone_here(full: Path) -> None:
    datafilled.pairs(full, "8b" * 8)
    first = datafilled.three()[0]
    decisions.decide(connect(full), review.name_of(first), decisions.REJECTED, "8b" * 8)
    at = part("Pairs")
    at.selectbox(key="pairs_which").select(datafilled.MADE).run()
    assert "1 of 3 decided" in said(ran(at))
    ran(at.button(key="pairs_undo").click().run())
    assert "Nothing was decided in this set" in said(at) and len(decisions.read(connect(full))) == 1


# files


def test_a_spreadsheet_runs_nothing_of_what_was_rejected() -> None:
    rows = [{"file": "=HYPERLINK(1)", "row": 3, "reason": 'a, "b"'}]
    assert downloads.as_csv(rows).decode() == 'file,row,reason\n\'=HYPERLINK(1),3,"a, ""b"""\n'
    assert json.loads(downloads.as_jsonl(rows)) == rows[0]
