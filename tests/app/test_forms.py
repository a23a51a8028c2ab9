"""A form holds what its spec says, and a spec is made of whatever a browser sends, or refused in one
sentence."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import BaseModel, ConfigDict, Field
from streamlit.testing.v1 import AppTest

from app import forms
from engine.errors import ConfigError
from jobs.kinds import KINDS

ROWS = {"unit": "rows"}
Rank = Annotated[int, Field(ge=1, le=512, description="rank of the matrices", json_schema_extra=ROWS)]


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1, description="where from", json_schema_extra={"choose": "dataset"})
    method: Literal["sft", "dpo"] = Field("sft", description="how")
    r: Rank = 16
    rate: float = Field(2e-4, gt=0, le=0.1, description="peak learning rate")
    limit: int | None = Field(None, ge=1, description="at most; all if left out")
    arms: str = Field("a,b", json_schema_extra={"choose": "arms"})
    names: tuple[str, ...] = ()
    packed: bool = False


CHOICES = {"source": ["one", "two"], "arms": ["a", "b", "c"]}


def drawn() -> None:
    import streamlit as st

    from app import forms
    from tests.app.test_forms import CHOICES, Spec

    values = forms.draw(Spec, "f", choices=CHOICES, start=st.session_state.get("start"))
    st.session_state["values"] = values


def opened(start: dict[str, Any] | None = None) -> AppTest:
    at = AppTest.from_function(drawn, default_timeout=60)
    at.session_state["start"] = start
    at.run()
    assert not at.exception
    return at


def test_every_field_has_a_widget_with_its_label_help_bounds_and_default() -> None:
    at = opened()
    rank, rate = at.number_input(key="f_r"), at.number_input(key="f_rate")
    assert (rank.label, rank.help) == ("Rank r (rows)", "rank of the matrices")
    assert (rank.min, rank.max, rank.value) == (1, 512, 16)
    assert rate.value == 2e-4 and rate.step == pytest.approx(1e-5)
    assert at.number_input(key="f_limit").value is None
    assert at.selectbox(key="f_method").options == ["sft", "dpo"]
    assert at.selectbox(key="f_source").options == ["one", "two"]
    assert at.multiselect(key="f_arms").value == ["a", "b"]
    assert at.checkbox(key="f_packed").value is False
    assert set(at.session_state["values"]) == set(Spec.model_fields)


def test_what_the_widgets_hold_becomes_the_spec() -> None:
    at = opened()
    at.number_input(key="f_r").set_value(8)
    at.multiselect(key="f_arms").set_value(["c"])
    at.selectbox(key="f_method").select("dpo")
    at.run()
    made = forms.made(Spec, at.session_state["values"])
    assert (made.r, made.arms, made.method, made.limit) == (8, "c", "dpo", None)


def test_a_start_replaces_defaults_even_with_what_is_no_longer_offered() -> None:
    at = opened({"r": 9999, "source": "gone", "arms": "x"})
    assert at.number_input(key="f_r").value == 512, "a widget cannot hold more than its bound"
    assert at.selectbox(key="f_source").value == "gone"
    assert at.multiselect(key="f_arms").value == ["x"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"source": "one", "r": 100_000}, "Rank r (rows) 100000 cannot be used"),
        ({"source": "one", "rate": float("nan")}, "Rate nan cannot be used"),
        ({"source": "one", "method": "rm -rf"}, "Method 'rm -rf' cannot be used"),
        ({"source": None}, "Source is empty"),
        ({"source": ""}, "Source '' cannot be used"),
        ({"source": "one", "surprise": 1}, "surprise"),
    ],
)
def test_what_a_browser_should_not_send_is_refused_in_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        forms.made(Spec, values)
    assert said in str(refused.value) and "\n" not in str(refused.value)


WORDS = some.text(max_size=30)
ANYTHING = some.none() | some.booleans() | some.integers() | some.floats() | WORDS | some.lists(WORDS)


@settings(max_examples=150, deadline=None)
@given(some.dictionaries(some.sampled_from([*Spec.model_fields, "other"]), ANYTHING, max_size=5))
def test_nothing_a_browser_sends_is_more_than_the_spec_or_a_sentence(values: dict[str, Any]) -> None:
    try:
        made = forms.made(Spec, values)
    except ConfigError:
        return
    assert Spec(**made.model_dump()) == made


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_job_has_a_form_that_gives_its_defaults_back(kind: str) -> None:
    spec = KINDS[kind].Spec
    for knob in forms.knobs(spec):
        assert knob.help, f"{kind}.{knob.name} has no description"
        assert knob.low is None or abs(knob.low) <= forms.LARGEST
    needed = {name: "x" for name, field in spec.model_fields.items() if field.is_required()}
    plain = spec(**needed)
    assert forms.made(spec, plain.model_dump()) == plain
