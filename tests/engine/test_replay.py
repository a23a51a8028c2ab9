"""Another pair's answers replayed: the threshold comes from one half, the figures from the other."""

import csv
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DataError
from engine.evaluation.replay import replay

COUNT = 400


def table(file: Path, *, telling: bool = True, swapped: bool = False) -> list[dict[str, str]]:
    """A CSV of a weak model, which is more often right on short questions (if `telling`), and a strong one,
    which is right nine times in ten. `swapped` names the columns the other way round."""
    source = np.random.default_rng(5)
    weak, strong = ("small", "great")[:: -1 if swapped else 1]
    rows = []
    for number in range(COUNT):
        words = int(source.integers(1, 41))
        chance = 0.95 - 0.9 * words / 40 if telling else 0.5
        question = f"Number {number}: " + "what then? " * words
        rows.append(
            {
                "prompt": question,
                weak: str(bool(source.random() < chance)),
                strong: str(bool(source.random() < 0.9)),
                f"{weak}_response": "It is 4.",
                f"{strong}_response": "It is 5.",
            }
        )
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_the_figures_are_those_of_the_other_half(tmp_path: Path) -> None:
    rows = table(tmp_path / "rows.csv")
    found = replay(tmp_path / "rows.csv", 0.3)
    other = [row for row in rows if sha256(row["prompt"].encode()).digest()[0] % 2]
    assert found["n"] == len(other) and (found["weak"], found["strong"]) == ("small", "great")
    for name, model in (("f1_small", "small"), ("f1_large", "great")):
        assert found[name] == pytest.approx(100 * sum(row[model] == "True" for row in other) / len(other))


def test_a_telling_question_beats_the_random_mix_and_the_oracle_beats_both(tmp_path: Path) -> None:
    table(tmp_path / "rows.csv")
    found = replay(tmp_path / "rows.csv", 0.3)
    assert found["auroc"] > 0.75 and found["apgr"] > 0.6
    assert found["f1_cascade"] > found["f1_random_mix"] + 3
    assert found["escalated"] == pytest.approx(0.3, abs=0.1)
    lines = {line["name"]: line["points"] for line in found["curves"]}
    for ours, best in zip(lines["cascade"], lines["oracle"], strict=True):
        assert best["gain"] >= ours["gain"] - 1e-9


def test_a_question_that_tells_nothing_is_no_better_than_chance(tmp_path: Path) -> None:
    table(tmp_path / "rows.csv", telling=False)
    found = replay(tmp_path / "rows.csv", 0.3)
    assert found["auroc"] == pytest.approx(0.5, abs=0.12) and found["apgr"] == pytest.approx(0.5, abs=0.15)


def test_the_strong_model_is_the_one_that_is_right_more_often(tmp_path: Path) -> None:
    table(tmp_path / "rows.csv", swapped=True)
    assert replay(tmp_path / "rows.csv")["strong"] == "small"


def test_nothing_escalates_under_a_budget_of_nothing_and_all_under_one_of_all(tmp_path: Path) -> None:
    table(tmp_path / "rows.csv")
    none, every = (replay(tmp_path / "rows.csv", share) for share in (0.0, 1.0))
    assert none["escalated"] <= 0.02 and none["f1_cascade"] == pytest.approx(none["f1_small"], abs=1)
    assert every["escalated"] == 1 and every["f1_cascade"] == pytest.approx(every["f1_large"])


@pytest.mark.parametrize("text", ["", "prompt,a\nx,True\n", "a,b,a_response,b_response\nTrue,False,x,y\n"])
def test_another_table_is_refused_with_the_columns_it_needs(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="it needs the columns prompt"):
        replay(tmp_path / "odd.csv")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        replay(tmp_path / "gone.csv")
