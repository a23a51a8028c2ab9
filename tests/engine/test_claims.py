"""The lexical verifier measured on claims with labels: WiCE's rows, and rows that are none."""

import json
from pathlib import Path

import pytest

from engine.errors import DataError
from engine.evaluation.calibrate import auroc
from engine.evaluation.claims import lexical_score, measure
from engine.inference.verify import lexical

EVIDENCE = ["The bridge was opened in 1932 by Anna Olsen.", "It is 503 metres long."]
CLAIMS = (
    ("The bridge was opened in 1932.", "supported"),
    ("Anna Olsen opened the bridge.", "supported"),
    ("The bridge was opened in 1940 by Peter Velden.", "not_supported"),
    ("A tunnel was closed in 1955.", "partially_supported"),
)


def written(file: Path, rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Path:
    told = [json.dumps({"claim": c, "evidence": EVIDENCE, "label": label}) for c, label in rows]
    file.write_text("\n\n".join(told) + "\n", encoding="utf-8")
    return file


def test_supported_claims_score_above_those_that_are_not_or_only_partly(tmp_path: Path) -> None:
    found = measure(written(tmp_path / "chunks.jsonl", CLAIMS))
    scores = [lexical_score(lexical(claim, " ".join(EVIDENCE))) for claim, _ in CLAIMS]
    assert found["auroc"] == auroc(scores, [label == "supported" for _, label in CLAIMS]) == 1.0
    assert found["n"] == 4 and "calibrated" not in found


def test_a_wrong_label_turns_the_figure_round(tmp_path: Path) -> None:
    turned = [(claim, "supported" if label != "supported" else "not_supported") for claim, label in CLAIMS]
    assert measure(written(tmp_path / "chunks.jsonl", turned))["auroc"] == 0.0


def test_of_a_folder_dev_fits_and_test_is_measured(tmp_path: Path) -> None:
    written(tmp_path / "oracle_dev.jsonl", CLAIMS * 10)
    written(tmp_path / "oracle_test.jsonl", CLAIMS * 3)
    found = measure(tmp_path)
    assert (found["split"], found["n"], found["oracle_dev"]["n"]) == ("oracle_test", 12, 40)
    assert found["calibrated"]["auroc"] == 1.0 and found["ece"] == found["calibrated"]["ece"] < 0.25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no claims"),
        ("{not json", "line 1: not JSON"),
        ('{"claim": "a", "evidence": "b", "label": "supported"}', "line 1: a row needs"),
        ('{"claim": "a", "evidence": [], "label": "maybe"}', "line 1: a row needs"),
        ("[1]", "line 1: a row needs"),
    ],
)
def test_a_file_that_is_no_such_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        measure(file)


def test_a_place_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.jsonl file"):
        measure(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        measure(tmp_path / "gone.jsonl")
