"""Where things lie: names that cannot lead out of the workspace, keys that are equal for equal parts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.errors import ConfigError
from jobs.workspace import artifact, checked_name, home, key


def test_the_workspace_is_made_where_bantam_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path / "a" / "b"))
    assert home() == tmp_path / "a" / "b"
    assert list(home().iterdir()) == []


def test_without_bantam_home_it_is_workspace_in_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BANTAM_HOME")
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / "workspace"


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_in_the_place_of_the_workspace_is_said(
    inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path / "file" / inside))
    with pytest.raises(ConfigError, match="cannot be written .* set BANTAM_HOME to a folder that is"):
        home()
    assert (tmp_path / "file").read_text() == "mine"


def test_an_artefact_lies_under_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    assert artifact("index", "0123abcd") == tmp_path / "artifacts" / "index" / "0123abcd"


@pytest.mark.parametrize("name", ["space", "a", "7", "rust-book_2.1", "x" * 64])
def test_a_plain_name_is_taken_as_it_is(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "a\\b",
        "/tmp",
        "~",
        "Space",
        "a b",
        "a\n",
        "é",
        "-r",
        ".hidden",
        "x" * 65,
        "a\0",
    ],
)
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used: take 1 to 64"):
        checked_name(name)


@given(some.text(max_size=70))
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    try:
        checked_name(name)
    except ConfigError:
        return
    assert (Path("/folder") / name).resolve().parent == Path("/folder")


@given(
    some.recursive(
        some.none() | some.integers() | some.text(),
        lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    )
)
def test_a_key_can_name_an_artefact(part: object) -> None:
    assert checked_name(key("index", part)) == key("index", part)


def test_equal_parts_give_equal_keys_and_others_do_not() -> None:
    assert key("a", {"x": 1, "y": [2.5]}) == key("a", {"y": [2.5], "x": 1})
    others = [key("a", 1), key("a", "1"), key("a", [1]), key("a", 1, None), key("b", 1), key(["a", 1])]
    assert len(set(others)) == len(others)
