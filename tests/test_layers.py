"""Imports go one way: app -> jobs -> {engine, storage}, and what is heavy is imported where it is used.

Read from the syntax trees, so that an import inside a function or under TYPE_CHECKING counts too.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("app", "jobs", "engine", "storage")
MAY_IMPORT = {
    "app": {"app", "jobs", "engine", "storage"},
    "jobs": {"jobs", "engine", "storage"},
    "engine": {"engine"},
    "storage": {"storage"},
}
BANNED = {
    "engine": {"streamlit", "gradio", "sqlite3", "sqlite_utils"},
    "storage": {"torch", "transformers", "streamlit", "gradio"},
    "jobs": {"streamlit", "gradio"},
    "app": set(),
}
HEAVY = {
    *("torch", "transformers", "tokenizers", "accelerate", "safetensors", "huggingface_hub"),
    *(
        "faiss",
        "trl",
        "peft",
        "sentence_transformers",
        "datasets",
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "plotly",
    ),
}
FILES = [file for layer in LAYERS for file in sorted((ROOT / layer).rglob("*.py"))]


def modules(tree: ast.AST, package: str = "") -> Iterator[str]:
    """Every module that an import anywhere in `tree` names, relative ones made absolute within `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            named = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            first = node.args[0] if node.args else None
            if named in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value)


def at_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The imports that run when a module is imported: none in functions, none under TYPE_CHECKING."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from at_import(node.orelse)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        for name in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body)


def top(names: Iterator[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def wrong(layer: str, source: str, package: str = "") -> set[str]:
    """What a file of `layer` imports and may not."""
    found = top(modules(ast.parse(source), package or layer))
    return {name for name in found if name in LAYERS and name not in MAY_IMPORT[layer]} | (
        found & BANNED[layer]
    )


def heavy(source: str) -> set[str]:
    """The heavy libraries that importing a file imports."""
    return HEAVY & {name for node in at_import(ast.parse(source).body) for name in top(modules(node))}


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 25 and {file.relative_to(ROOT).parts[0] for file in FILES} >= {"engine", "storage"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path) -> None:
    parts = file.relative_to(ROOT).with_suffix("").parts
    package = ".".join(parts[:-1])
    assert wrong(parts[0], file.read_text(encoding="utf-8"), package) == set()


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.relative_to(ROOT).parts[0] != "app"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_heavy_libraries_are_imported_where_they_are_used(file: Path) -> None:
    assert heavy(file.read_text(encoding="utf-8")) == set()


def test_importing_the_engine_and_the_jobs_imports_nothing_heavy() -> None:
    """The same, seen from outside: what the interpreter holds after importing every module."""
    names = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in FILES
        if file.relative_to(ROOT).parts[0] in ("engine", "jobs", "storage") and file.stem != "__main__"
    ]
    light = sorted(HEAVY - {"numpy", "pandas", "scipy", "sklearn", "plotly"})
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    script += f"print([name for name in {light!r} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("layer", "source", "expected"),
    [
        ("engine", "def f():\n    from jobs.queue import submit", {"jobs"}),
        ("engine", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import storage.db", {"storage"}),
        ("engine", "import importlib\nimportlib.import_module('app.main')", {"app"}),
        ("engine", "from .. import storage", set()),
        ("engine", "import sqlite3 as s", {"sqlite3"}),
        ("storage", "from engine.progress import Progress", {"engine"}),
        (
            "storage",
            "class A:\n    try:\n        import torch.nn\n    except ImportError:\n        pass",
            {"torch"},
        ),
        ("jobs", "import app", {"app"}),
        ("jobs", "from engine import catalog\nimport storage", set()),
        ("app", "from jobs import queue\nimport streamlit, engine, storage", set()),
    ],
)
def test_the_guard_sees_what_it_should(layer: str, source: str, expected: set[str]) -> None:
    assert wrong(layer, source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np", {"numpy"}),
        ("try:\n    import faiss\nexcept ImportError:\n    from torch import nn", {"faiss", "torch"}),
        ("class A:\n    from peft import LoraConfig", {"peft"}),
        ("if True:\n    import datasets", {"datasets"}),
        ("def f():\n    import torch\nasync def g():\n    import trl", set()),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\nelse:\n    import trl",
            {"trl"},
        ),
    ],
)
def test_the_guard_knows_what_runs_at_import(source: str, expected: set[str]) -> None:
    assert heavy(source) == expected
