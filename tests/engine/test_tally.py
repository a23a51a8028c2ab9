"""What is told of kept and dropped rows comes back as it was from the numbers a job keeps, and a mapping of
columns comes back from its text."""

import pytest

from engine.data.columns import parsed, written
from engine.data.tally import tell, told
from engine.data.teacher import Spent
from engine.errors import ConfigError
from engine.progress import Metric


def test_counts_come_back_and_costs_stand_beside_them() -> None:
    heard: list[Metric] = []
    tell({"kept": 3, "not a question": 2}, heard.append, Spent(calls=6, cached=1, prompt_tokens=5, cost=0.25))  # type: ignore[arg-type]
    latest = {one.name: one.value for one in heard}
    assert told(latest) == {"kept": 3, "not a question": 2}
    assert latest["calls"] == 6 and latest["cost (dollars)"] == 0.25 and latest["tokens"] == 5
    assert {one.step for one in heard} == {5}


@pytest.mark.parametrize(
    "mapping",
    [
        {"question": "Frage", "answers": "Antwort"},
        {"question": "Frage, lang", "answers": " Antwort "},
        {"text": "{x}", "title": "a=b"},
    ],
)
def test_a_mapping_is_read_back_as_it_was_written(mapping: dict[str, str]) -> None:
    assert parsed(written(mapping)) == mapping


@pytest.mark.parametrize("text", ['{"question": 3}', '{"question": ""}', '{"question"', '{"nonsense": "x"}'])
def test_a_mapping_in_json_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parsed(text)
