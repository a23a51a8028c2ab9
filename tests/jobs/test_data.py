"""The commands of the data layer: what is read, cleaned and refused, as a person sees it."""

import json
from pathlib import Path

import pytest

from engine.catalog import SMALL, lookup
from engine.errors import ConfigError
from engine.training.examples import AS_SERVED, usual_mixture
from jobs.exporting import mixture
from jobs.kinds import KINDS
from storage.artifacts import find_dataset
from storage.db import connect
from tests.commands import Command, Finished, Material
from tests.engine.test_documents import pdf, zipped


def test_import_prints_what_was_read_and_every_reason(
    here: Command, material: Material, tmp_path: Path
) -> None:
    ran = here("import", str(material.documents), "--name", "tiny", "--json", home=tmp_path)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["documents"], told["questions"], told["name"]) == (3, 0, "tiny")
    (rejected,) = told["rejected"]
    assert set(rejected) == {"file", "row", "reason"}
    assert (rejected["file"], rejected["row"]) == ("river.jsonl", 2) and "broken JSON" in rejected["reason"]
    row = find_dataset(connect(tmp_path), name="tiny")
    assert row and row["id"] == told["dataset"] and row["documents"] == 3 and len(row["rejected"]) == 1


def test_a_pdf_in_a_zip_with_questions_of_other_columns(here: Command, tmp_path: Path) -> None:
    home, sheet = tmp_path / "home", tmp_path / "fragen.csv"
    (tmp_path / "d.zip").write_bytes(
        zipped(("a.pdf", pdf("Io is a moon.", "It is yellow.")), ("b.exe", b"MZ"))
    )
    sheet.write_text("Frage;Antwort\n" + "".join(f"Was ist {n}?;ein Mond\n" for n in range(6)))
    ran = here(
        *("import", str(tmp_path / "d.zip"), "--questions", str(sheet), "--name", "io", "--json"),
        *("--columns", "question=Frage,answers=Antwort"),
        home=home,
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["documents"], told["questions"]) == (1, 6)
    assert [(one["file"], one["row"]) for one in told["rejected"]] == [("d.zip/b.exe", 0)]
    kept = home / "artifacts" / "dataset" / told["dataset"] / "documents.jsonl"
    assert json.loads(kept.read_text())["marks"] == [[0, 1, ""], [15, 2, ""]]


def test_chats_and_pairs_are_a_dataset_too(here: Command, tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "b"}, {"prompt": "a", "chosen": "b", "rejected": "c"}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = here("import", str(tmp_path / "x.jsonl"), "--json", home=tmp_path / "home")
    told = json.loads(ran.out)
    assert (told["chats"], told["pairs"], told["documents"], told["rejected"]) == (1, 1, 0, [])


def test_clean_makes_a_new_dataset_and_leaves_the_old_one(
    here: Command, material: Material, tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    text = (material.documents / "harbour.md").read_text()
    (folder / "a.md").write_text(text + "\nWrite to port@velden.example for more.\n")
    (folder / "b.md").write_text(text + "\nWrite to port@velden.example for more!\n")
    home = tmp_path / "home"
    here("import", str(folder), "--name", "twice", home=home)
    ran = here("clean", "--name", "twice", "--pii", "email", "--json", home=home)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["documents"] == {"kept": 1, "removed": 1}
    assert {step["filter"]: step["counts"] for step in told["steps"]}["pii"] == {"email": 1}
    place = home / "artifacts" / "dataset" / told["dataset"]
    gone = json.loads((place / "removed.jsonl").read_text())
    assert gone["filter"] == "near" and "shares" in gone["reason"] and gone["id"] == "b"
    assert "[EMAIL]" in (place / "documents.jsonl").read_text()
    old = find_dataset(connect(home), name="twice")
    assert old and old["documents"] == 2
    undone = json.loads(here("clean", "--name", "twice", "--near", "0", "--json", home=home).out)
    assert undone["documents"] == {"kept": 2, "removed": 0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "https://example.org/page"), "reading from the web is off"),
        (("import", "http://127.0.0.1:9/", "--url"), "not public"),
        (("import", "space", "--columns", "frage=x"), "no field 'frage'"),
        (("import", "nowhere-at-all"), "does not exist"),
        (("import", "space", "--name", "../up"), "cannot be used"),
        (("clean", "--name", "not-there"), "There is no dataset 'not-there'"),
        (("clean", "--name", "../up"), "cannot be used"),
        (("clean", "--name", "x", "--near", "7"), "near '7' cannot be used"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: tuple[str, ...], said: str, here: Command, tmp_path: Path
) -> None:
    ran = here(*arguments, home=tmp_path)
    assert ran.code == 1 and said in ran.err and "Traceback" not in ran.err
    assert len(ran.err.strip().split("\nbantam: ")[-1].split("\n")) == 1


@pytest.mark.parametrize(
    ("command", "kinds", "otherwise"),
    [
        ("clean", ("clean",), {"dataset", "name"}),
        ("split", ("split",), {"dataset", "name"}),
        ("pairs", ("pairs",), {"experiment"}),
        ("synthesize", ("synthesize", "compose"), {"dataset", "index", "base_url"}),
    ],
)
def test_every_setting_of_a_kind_is_an_option_of_its_command(
    command: str, kinds: tuple[str, ...], otherwise: set[str], here: Command, tmp_path: Path
) -> None:
    shown = here(command, "--help", home=tmp_path).out
    settings = {name for kind in kinds for name in KINDS[kind].Spec.model_fields}
    assert {n for n in settings if f"--{n.replace('_', '-')} " not in shown} == otherwise - {"name"}


def test_split_makes_a_frozen_dataset_and_says_what_leaks(here: Command, tmp_path: Path) -> None:
    rows = [
        {"question": f"What is number {n}?", "answers": [f"a{n}"], "context": f"Text {n % 9} says things."}
        for n in range(60)
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    home = tmp_path / "home"
    here("import", str(tmp_path / "q.jsonl"), "--name", "numbers", home=home)
    ran = here(
        "split",
        "--name",
        "numbers",
        "--train",
        "0.5",
        "--dev",
        "0.25",
        "--drop",
        "false",
        "--json",
        home=home,
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["train"] + told["dev"] + told["test"] == 60 and set(told["frozen"]) == {
        "train",
        "dev",
        "test",
    }
    kept = (home / "artifacts" / "dataset" / told["dataset"] / "questions.jsonl").read_text().splitlines()
    where: dict[str, set[str]] = {}
    for row in map(json.loads, kept):
        where.setdefault(row["document"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in where.values())
    again = json.loads(
        here(
            "split",
            "--name",
            "numbers",
            "--train",
            "0.5",
            "--dev",
            "0.25",
            "--drop",
            "false",
            "--json",
            home=home,
        ).out
    )
    assert again["dataset"] == told["dataset"]


def test_export_of_pairs_chats_and_records(here: Command, tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "completion": "b"},
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"text": "A document of some words."},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    home = tmp_path / "home"
    here("import", str(tmp_path / "x.jsonl"), "--name", "mixed", home=home)
    ran = here(
        "export", "--name", "mixed", "--format", "trl", "--out", str(tmp_path / "trl"), "--json", home=home
    )
    assert json.loads(ran.out)["rows"] == {"preference": 1, "chat": 1}
    assert json.loads((tmp_path / "trl" / "chat.jsonl").read_text())["completion"][0]["content"] == "b"
    ran = here("export", "--name", "mixed", "--out", str(tmp_path / "plain"), "--json", home=home)
    assert json.loads(ran.out)["rows"] == {"documents": 1, "chats": 1, "pairs": 1}
    ran = here("export", "--name", "nothing", home=home)
    assert ran.code == 1 and "There is no dataset 'nothing'" in ran.err
    ran = here("pairs", "--name", "nothing", home=home)
    assert ran.code == 1 and "There is no experiment 'nothing' yet" in ran.err


def test_shares_of_exported_rows_are_the_usual_ones_but_for_those_named() -> None:
    assert mixture("", AS_SERVED) == AS_SERVED
    assert mixture(" joint = 0.5,withheld=1 ", AS_SERVED) == AS_SERVED._replace(joint=0.5, withheld=1.0)
    for wrong in ("some=1", "joint", "joint=2", "joint=nan", "joint=-1", "joint=much"):
        with pytest.raises(ConfigError, match="share '"):
            mixture(wrong, AS_SERVED)


@pytest.mark.slow
def test_exported_rows_are_as_in_raft_as_in_training_or_as_named(
    finished: Finished, here: Command, tmp_path: Path
) -> None:
    sft = ("export", "--name", "tiny", "--format", "sft", "--out", str(tmp_path / "sft"), "--json")
    ran = here(*sft, home=finished.home)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["shares"] == AS_SERVED._asdict() and told["kinds"]["grounded"] and told["kinds"]["withheld"]
    assert 0.99 < sum(told["share_of_rows"].values()) < 1.01
    told = json.loads(here(*sft, "--shares", "training", home=finished.home).out)
    assert told["shares"] == usual_mixture(lookup(SMALL).parameters)._asdict()
    (adapter,) = (finished.home / "artifacts" / "adapter").glob("*/manifest.json")
    assert told["kinds"] == json.loads(adapter.read_text())["rows"]
    ran = here(*sft, "--shares", "focused=0,joint=0,withheld=0,closed_book=1", home=finished.home)
    assert [kind for kind, count in json.loads(ran.out)["kinds"].items() if count] == ["closed-book"]
    rows = [json.loads(line) for line in (tmp_path / "sft" / "sft.jsonl").read_text().split("\n") if line]
    assert rows and all("Evidence:" not in row["prompt"] for row in rows)


@pytest.mark.slow
def test_a_teacher_writes_questions_stops_at_its_cap_and_pays_nothing_twice(
    here: Command, material: Material, tmp_path: Path
) -> None:
    from tests.engine.test_compose import honest
    from tests.servers import serving

    home = tmp_path / "home"
    here("import", str(material.documents), "--name", "tiny", home=home)
    with serving(honest) as server:
        teach = ("synthesize", "--name", "tiny", "--teacher", server.url, "--model", "tiny", "--json")
        kinds = ("--kinds", "unanswerable,fact", "--concurrency", "1")
        capped = here(*teach, *kinds, "--most-tokens", "480", home=home)
        assert capped.code == 0, capped.err
        first = json.loads(capped.out)
        assert "480 tokens" in first["spent"]["stopped"]
        paid = len(server.seen)
        whole = json.loads(here(*teach, *kinds, home=home).out)
        assert whole["spent"]["cached"] > 0 and not whole["spent"]["stopped"]
        bodies = [json.dumps(body["messages"]) for _, _, body in server.seen]
        assert len(bodies) > paid and len(set(bodies)) == len(bodies)
    assert set(whole) >= {"kept", "dropped", "calls", "seconds"}
