"""Command-line options made from a spec, and a spec made from them. Knows no command."""

import argparse
import json
from collections.abc import Callable, Container, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

JSON_HELP = "print one JSON object instead of text"


class Parser(argparse.ArgumentParser):
    """A parser that may be told to add options when it is its turn to parse: the specs of a kind are not
    imported for the help of other commands."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self.later: list[Callable[[], None]] = []

    def parse_known_args(self, *words: Any, **named: Any) -> Any:
        """As argparse's, with the options that were put off."""
        while self.later:
            self.later.pop(0)()
        return super().parse_known_args(*words, **named)


def add_options(
    parser: argparse.ArgumentParser,
    spec: type[BaseModel],
    skip: Container[str] = (),
    usual: Mapping[str, Any] = {},
) -> None:
    """One option a field of the spec but those to `skip`, with its default (or the command's `usual` one) and
    description; the spec checks the values."""
    for name, field in spec.model_fields.items():
        if name in skip:
            continue
        value = "" if field.is_required() else usual.get(name, field.default)
        default = f" (default: {value})" if value not in ("", None) else ""
        text = f"{field.description}{default}".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=name.upper(), help=text)


def add_kinds(
    parser: Parser,
    *kinds: str,
    skip: Container[str] = (),
    usual: Mapping[str, Any] = {},
) -> None:
    """Options for the settings of kinds of job, once the command is the one that was given; a setting that
    several have is one option."""

    def add() -> None:
        from jobs.kinds import kind_of

        done: set[str] = set()
        for kind in kinds:
            spec = kind_of(kind).Spec
            add_options(parser, spec, {name for name in spec.model_fields if name in skip} | done, usual)
            done |= spec.model_fields.keys()

    parser.later.append(add)


def settings(options: argparse.Namespace, kind: str, usual: Mapping[str, Any] = {}) -> dict[str, Any]:
    """What was given of the settings of a kind, and the command's own defaults of the others."""
    from jobs.kinds import kind_of

    given = {name: getattr(options, name, None) for name in kind_of(kind).Spec.model_fields}
    return {**usual, **{name: value for name, value in given.items() if value is not None}}


def from_options(options: argparse.Namespace, spec: type[BaseModel]) -> Any:
    """The spec of the given options. Raises ConfigError naming the option that does not fit."""
    from engine.errors import ConfigError

    given = {name: getattr(options, name) for name in spec.model_fields if getattr(options, name) is not None}
    try:
        return spec(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name, said = str(first["loc"][0]).replace("_", "-"), first["msg"]
        raise ConfigError(
            f"--{name} {first.get('input')!r} cannot be used: {said[0].lower()}{said[1:]}."
        ) from error


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option --json, which every command for machines has."""
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def add_device(parser: argparse.ArgumentParser) -> None:
    """The option --device of the commands that run a model at once."""
    parser.add_argument("--device", default=None, help="cuda, mps or cpu (default: the best there is)")


def print_json(value: Any) -> None:
    """Print `value` as one JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))
