"""Command-line options made from a spec, and a spec made from them. Knows no command."""

import argparse
import json
from typing import Any

from pydantic import BaseModel, ValidationError

JSON_HELP = "print one JSON object instead of text"


def add_options(parser: argparse.ArgumentParser, spec: type[BaseModel]) -> None:
    """One option a field of the spec, with its default and description; the spec checks the values."""
    for name, field in spec.model_fields.items():
        usual = f" (default: {field.default})" if field.default not in ("", None) else ""
        text = f"{field.description}{usual}".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=name.upper(), help=text)


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
