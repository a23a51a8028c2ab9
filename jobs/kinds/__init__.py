"""The kinds of job, one module each: a spec, and `run(job)`, which returns what it made.

A module has TITLE, ABOUT (one line for people), `Spec` (a frozen pydantic model: the page's form, the command
line's options and the TOML file follow from it) and `run(job) -> str | None`, the path of the artefact
relative to the workspace. Optional: MAKES (the kind of artefact), DEVICE = False (it never needs a GPU), and
`plan(spec, name)`, the jobs it is made of. A new kind is a new module and its name in NAMES.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from engine.errors import ConfigError

if TYPE_CHECKING:
    from jobs.running import Job

NAMES = (
    "import",
    "clean",
    "split",
    "index",
    "synthesize",
    "compose",
    "pairs",
    "train",
    "evaluate",
    "ablation",
)


@dataclass(frozen=True)
class Part:
    """One job of a plan: its kind, the fields of its spec, and the fields that name what an earlier part
    makes (field -> that part's kind)."""

    kind: str
    fields: Mapping[str, Any]
    uses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of job. `makes` is the kind of artefact that comes of it, "" if none."""

    name: str
    title: str
    about: str
    Spec: type[BaseModel]
    run: Callable[["Job"], str | None]
    makes: str = ""
    device: bool = True
    plan: Callable[[Any, str], list[Part]] | None = None


def _found(name: str) -> Kind:
    module = import_module(f"jobs.kinds.{name}" + ("_" if name == "import" else ""))  # a word of Python's own
    return Kind(
        name,
        module.TITLE,
        module.ABOUT,
        module.Spec,
        module.run,
        getattr(module, "MAKES", ""),
        getattr(module, "DEVICE", True),
        getattr(module, "plan", None),
    )


KINDS: dict[str, Kind] = {name: _found(name) for name in NAMES}


def kind_of(name: str) -> Kind:
    """The kind of this name. Raises ConfigError with those there are."""
    if name not in KINDS:
        raise ConfigError(f"There is no kind of job {name!r}: use one of {', '.join(KINDS)}.")
    return KINDS[name]


def checked_spec(kind: str, given: BaseModel | Mapping[str, Any]) -> BaseModel:
    """The spec made of `given`, with every value checked. Raises ConfigError naming the first that does not
    fit."""
    wanted = kind_of(kind).Spec
    values = given.model_dump() if isinstance(given, BaseModel) else dict(given)
    try:
        return wanted(**values)
    except ValidationError as error:
        raise ConfigError(f"{kind}: {complaint(error, wanted)}") from error
    except TypeError as error:  # keys that are no names
        raise ConfigError(f"{kind}: its settings are not name = value ({error}).") from error


def complaint(error: ValidationError, spec: type[BaseModel]) -> str:
    """What pydantic says about the first wrong value, as one sentence."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; there are {', '.join(spec.model_fields)}."
    if first["type"] == "missing":
        return f"the setting {name!r} has to be given: {spec.model_fields[name].description}."
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    if not name:
        return f"{said[:1].lower()}{said[1:]}."
    return f"{name} {first.get('input')!r} cannot be used: {said[:1].lower()}{said[1:]}."
