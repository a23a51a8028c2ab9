"""What repeats a job: its exact command, and its spec as TOML. Reads TOML back. Runs nothing."""

import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from jobs.kinds import KINDS, checked_spec
from storage.db import Row

LARGEST_BYTES = 1_000_000


def command(row: Row) -> str:
    """The command line that queues this job again, runner and all; settings at their default are left out."""
    words = [".venv/bin/python", "-m", "jobs", "submit", _kind(row), "--name", row["name"]]
    for name, value in _changed(row).items():
        words += ["--set", f"{name}={value}"]
    for need in _needs(row):
        words += ["--needs", need]
    if row["priority"]:
        words += ["--priority", str(row["priority"])]
    if row["runner"] != "local":
        words += ["--runner", row["runner"]]
    return shlex.join(words)


def toml(row: Row) -> str:
    """The whole spec as TOML, with the command that uses the file."""
    import tomli_w

    words = ["submit", _kind(row), "--name", row["name"], "--spec", "FILE.toml"]
    words += [word for need in _needs(row) for word in ("--needs", need)]
    if row["runner"] != "local":
        words += ["--runner", row["runner"]]
    values = {name: value for name, value in row["spec"].items() if value is not None}
    return f"# .venv/bin/python -m jobs {shlex.join(words)}\n{tomli_w.dumps(values)}"


def read_toml(file: Path) -> dict[str, Any]:
    """The settings of a TOML file. Raises ConfigError when it can't be read."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_BYTES + 1)
        if len(raw) > LARGEST_BYTES:
            raise ConfigError(f"{file} is larger than a spec can be: give a TOML file of settings.")
        return tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read ({error.strerror}): give a TOML file of settings."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is not TOML ({error}): give lines like  epochs = 2") from error


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """`key=value` texts as settings; the spec turns the values into what they should be. Raises ConfigError
    for a text without `=`."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"--set {text!r} cannot be used: write it as key=value.")
        found[name.strip().replace("-", "_")] = value
    return found


def _kind(row: Row) -> str:
    return "ablation" if row["kind"] == "quickstart" else str(row["kind"])


def _changed(row: Row) -> dict[str, Any]:
    kind = KINDS.get(_kind(row))
    fields = kind.Spec.model_fields if kind else {}
    return {
        name: value
        for name, value in row["spec"].items()
        if value is not None and (name not in fields or value != fields[name].default)
    }


def _needs(row: Row) -> list[str]:
    """What it needs that it is not made of: an experiment's own parts stand last among its needs, and are
    queued with it anew."""
    kind, needs = KINDS.get(_kind(row)), list(row["needs"])
    if kind is None or kind.plan is None:
        return needs
    try:
        parts = len(kind.plan(checked_spec(kind.name, row["spec"]), row["name"]))
    except (ConfigError, ValueError):  # of another version: it can't be queued as it is
        return []
    return needs[: max(len(needs) - parts, 0)]
