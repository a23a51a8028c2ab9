"""Forms made from a spec: one widget a field with its label, help, unit, bounds and default, and the spec
made of what came back. Knows no kind of job.

Widgets suggest the bounds; the spec enforces them, since a browser can send anything. A field says more by
`json_schema_extra`: `unit` ("tokens"), `choose` (what the value must be one of; the page hands in what
exists).
"""

import math
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from engine.errors import ConfigError

Spec = TypeVar("Spec", bound=BaseModel)
LARGEST = 2**53 - 1  # beyond it a browser's numbers are not exact
OPEN = ("documents", "model")  # paths and hub ids are typed in
AUTOMATIC = "automatic"
WORDS = {"r": "rank r", "k": "chunks k", "tau": "tau", "beta": "beta", "alpha": "alpha"}
WORDS |= {"by": "what stays together", "keep": "keep splits that are there", "alike": "alike from (cosine)"}
WORDS |= {"drop": "take leaks out of train", "train": "share of train", "dev": "share of dev"}


class Knob(NamedTuple):
    """What a widget needs to know of a field. `kind` is "bool", "int", "float", "text", "one", "many", or
    "joined" (many in one text, with commas)."""

    name: str
    label: str
    help: str
    kind: str
    default: Any
    low: float | None
    high: float | None
    options: tuple[str, ...]
    optional: bool
    open: bool  # other values than the options may be typed


def knobs(spec: type[BaseModel], choices: Mapping[str, Sequence[str]] | None = None) -> list[Knob]:
    """The knobs of a spec in its order; `choices` names what a field can be, where only the page knows."""
    return [_knob(name, field, (choices or {}).get(name)) for name, field in spec.model_fields.items()]


def draw(
    spec: type[BaseModel],
    key: str,
    *,
    start: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    leave: Sequence[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
    labels: Mapping[str, str] | None = None,
    columns: int = 3,
) -> dict[str, Any]:
    """Widgets for the fields of `spec` (those of `only`, in its order, without `leave`) and what they hold.

    `start` replaces defaults (a method's own, or those of a job that is duplicated); `labels` shows words for
    the values of `choices`.
    """
    found = {knob.name: knob for knob in knobs(spec, choices)}
    names = [name for name in only or found if name in found and name not in leave]
    places = st.columns(columns, gap="medium") if columns > 1 else [st.container()]
    values = {}
    for number, name in enumerate(names):
        knob = found[name]
        with places[number * len(places) // max(len(names), 1)]:
            values[name] = widget(knob, f"{key}_{name}", (start or {}).get(name, knob.default), labels)
    return values


def widget(knob: Knob, key: str, value: Any, labels: Mapping[str, str] | None = None) -> Any:
    """The widget of one knob, holding `value` at first, and what it holds now."""
    common: dict[str, Any] = {"key": key, "help": knob.help or None, "persist_state": "session"}
    if knob.kind == "bool":
        common.pop("persist_state")
        return st.checkbox(knob.label, value=bool(value), key=key, help=knob.help or None)
    if knob.kind == "one":
        first = [""] if knob.default == "" else []
        options = list(dict.fromkeys([*first, *knob.options, *([str(value)] if value else [])]))
        index = options.index(str(value)) if str(value) in options else (0 if options else None)
        return st.selectbox(
            knob.label,
            options,
            index=index,
            accept_new_options=knob.open,
            format_func=lambda name: (labels or {}).get(name, name or AUTOMATIC),
            **common,
        )
    if knob.kind in ("many", "joined"):
        held = value.split(",") if isinstance(value, str) else map(str, value or ())
        now = [one.strip() for one in held if one.strip()]
        options = list(dict.fromkeys([*knob.options, *now]))
        picked = st.multiselect(
            knob.label,
            options,
            default=now,
            accept_new_options=not knob.options,
            format_func=lambda name: (labels or {}).get(name, name or AUTOMATIC),
            **common,
        )
        return ",".join(picked) if knob.kind == "joined" else picked
    if knob.kind in ("int", "float"):
        return _number(knob, value, common)
    return st.text_input(knob.label, value="" if value is None else str(value), max_chars=2000, **common)


def made(spec: type[Spec], values: Mapping[str, Any]) -> Spec:
    """The spec of what a form holds. Raises ConfigError, one sentence naming the field, its value and its
    bound."""
    kept = {}
    for name, value in values.items():
        field = spec.model_fields.get(name)
        if field is not None and value is None and not _optional(field.annotation):
            if field.is_required():
                raise ConfigError(f"{_label(name, field)} is empty: choose or type a value.")
            continue
        kept[name] = value
    try:
        return spec(**kept)
    except ValidationError as error:
        raise ConfigError(_sentence(spec, error)) from error


def _knob(name: str, field: FieldInfo, given: Sequence[str] | None) -> Knob:
    inner = _inner(field.annotation)
    low, high = _bounds(field)
    options: tuple[str, ...] = tuple(given) if given is not None else ()
    if get_origin(inner) is Literal:
        kind, options = "one", tuple(map(str, get_args(inner)))
    elif get_origin(inner) in (tuple, list):
        kind = "many"
        if not options and get_origin(get_args(inner)[0]) is Literal:
            options = tuple(map(str, get_args(get_args(inner)[0])))
    elif inner in (bool, int, float):
        kind = inner.__name__
    else:
        kind = "text" if given is None else "joined" if extra(field, "choose") == "arms" else "one"
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    text = (field.description or "").strip()
    return Knob(
        name,
        _label(name, field),
        text,
        kind,
        default,
        low,
        high,
        options,
        optional=_optional(field.annotation),
        open=extra(field, "choose") in OPEN,
    )


def _number(knob: Knob, value: Any, common: dict[str, Any]) -> Any:
    whole = knob.kind == "int"
    kind = int if whole else float
    low, high = (None if bound is None else kind(bound) for bound in (knob.low, knob.high))
    if value is not None:
        value = kind(value)
        value = max(value, low) if low is not None else value
        value = min(value, high) if high is not None else value
    step: float = 1 if whole else _step(value, high)
    long = not whole and len(repr(value or 0)) > 12  # a third is not drawn in all its digits
    return st.number_input(
        knob.label,
        min_value=low,
        max_value=high,
        value=value,
        step=kind(step),
        format="%d" if whole else "%.4f" if long else "%g",
        placeholder="automatic" if knob.optional else None,
        **common,
    )


def _step(value: float | None, high: float | None) -> float:
    """A tenth of the value's own power of ten: 2e-4 moves by 1e-5."""
    size = abs(value or 0) or (high / 100 if high and high < 1e6 else 1.0)
    return float(10.0 ** (math.floor(math.log10(size)) - 1))


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    low = high = None
    for rule in field.metadata:
        low = _first(getattr(rule, "ge", None), getattr(rule, "gt", None), low)
        high = _first(getattr(rule, "le", None), getattr(rule, "lt", None), high)
    return (None if low is None else max(low, -LARGEST)), (None if high is None else min(high, LARGEST))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _inner(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        rest = [one for one in get_args(annotation) if one is not NoneType]
        return rest[0] if len(rest) == 1 else str
    return annotation


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def extra(field: FieldInfo, name: str) -> str:
    """What a field says by `json_schema_extra`, "" where it says nothing."""
    more = field.json_schema_extra
    return str(more.get(name) or "") if isinstance(more, dict) else ""


def _label(name: str, field: FieldInfo) -> str:
    label = field.title or WORDS.get(name) or name.replace("_", " ")
    unit = extra(field, "unit")
    label = label[0].upper() + label[1:]
    return f"{label} ({unit})" if unit and unit not in label.lower() else label


def _sentence(spec: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    said = first["msg"].removeprefix("Value error, ")
    field = spec.model_fields.get(name)
    if field is None:
        return f"These settings cannot be used: {name + ': ' if name else ''}{said}."
    return f"{_label(name, field)} {first.get('input')!r} cannot be used: {said[0].lower()}{said[1:]}."
