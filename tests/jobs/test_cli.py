"""The command line: there at once, made from the spec, and clear about what it cannot use."""

import argparse
import json
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from jobs.options import add_options, from_options
from jobs.specs import ARMS, QuickstartSpec
from tests.commands import ROOT, Command, environment, run

COMMANDS = [
    *("quickstart", "ask", "retrieval", "calibrate", "cascade", "publish", "bench", "setup"),
    *("import", "clean", "split", "synthesize", "pairs", "export"),
    *("submit", "list", "show", "logs", "cancel", "resume", "duplicate", "worker", "run"),
]
HEAVY = {
    *("torch", "transformers", "tokenizers", "peft", "trl", "datasets", "accelerate", "safetensors"),
    *("sentence_transformers", "huggingface_hub", "faiss", "bm25s", "numpy", "pandas", "plotly", "scipy"),
}
PROMISED = {
    *("ndcg10", "r1", "r3", "r5", "mrr", "seconds"),
    *("bullets_kept_5", "bullets_kept_8", "token_reduction_5", "token_reduction_8"),
}


def readme_commands() -> list[str]:
    """The commands that the README's code blocks show, such as "quickstart"."""
    lines = re.findall(r"^    \.venv/bin/python -m jobs (.+)$", (ROOT / "README.md").read_text(), re.M)
    return sorted({shlex.split(line.replace("[", " ").replace("]", " "))[0] for line in lines})


def processor_seconds() -> float:
    """The processor time of all processes this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS)], ids=lambda words: " ".join(words) or "-"
)
def test_help_is_there_at_once_and_needs_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "jobs", *command, "--help"]
    before = processor_seconds()
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert processor_seconds() - before < 1.0
    assert done.returncode == 0 and done.stdout.startswith("usage: python -m jobs")
    modules = {
        line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line
    }
    assert "jobs" in modules
    assert modules & HEAVY == set()
    assert not (tmp_path / "home").exists()


def test_the_readmes_commands_have_help(here: Command, tmp_path: Path) -> None:
    named = readme_commands()
    assert {"quickstart", "ask", "retrieval"} <= set(named)
    overview = here("--help", home=tmp_path / "home").out
    for name in named:
        assert re.search(rf"^    {name} ", overview, re.M)
        ran = here(name, "--help", home=tmp_path / "home")
        assert ran.code == 0 and ran.err == ""
        assert f"usage: python -m jobs {name}" in ran.out


def test_every_option_of_quickstart_is_a_field_of_the_spec(tmp_path: Path) -> None:
    text = run("quickstart", "--help", home=tmp_path / "home", COLUMNS="10000").out
    offered = dict(re.findall(r"^  --([a-z-]+)(?: [A-Z_]+)?\s+(.+)$", text, re.M))
    assert offered.pop("json")
    assert {name.replace("-", "_") for name in offered} == set(QuickstartSpec.model_fields)
    for name, field in QuickstartSpec.model_fields.items():
        said = offered[name.replace("_", "-")]
        assert said.startswith(str(field.description))
        assert field.default in ("", None) or said.endswith(f"(default: {field.default})")


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, QuickstartSpec)
    return parser.parse_args(arguments)


def test_without_options_the_spec_is_the_default() -> None:
    assert from_options(options(), QuickstartSpec) == QuickstartSpec()


OTHER: dict[str, Any] = {
    "documents": "handbook",
    "questions": "q.jsonl",
    "name": "mine",
    "small": "smollm2-135m",
    "large": "bantam-small",
    "writer": "bantam-small",
    "arms": "...,large",
    "target": 77,
    "write_seconds": 7,
    "bullets": 5,
    "k": 4,
    "r": 8,
    "learning_rate": 0.002,
    "epochs": 2.5,
    "timed": 3,
    "device": "cpu",
    "seed": 9,
}


@pytest.mark.parametrize("name", QuickstartSpec.model_fields)
def test_an_option_reaches_its_field_and_no_other(name: str) -> None:
    spec = from_options(options(f"--{name.replace('_', '-')}", str(OTHER[name])), QuickstartSpec)
    assert spec == QuickstartSpec(**{name: OTHER[name]}) != QuickstartSpec()


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--target", "many", "valid integer"),
        ("--target", "19", "greater than or equal to 20"),
        ("--bullets", "9", "less than or equal to 8"),
        ("--epochs", "nan", "less than or equal to 50"),
        ("--epochs", "inf", "less than or equal to 50"),
        ("--learning-rate", "-1", "greater than or equal to 0"),
        ("--device", "tpu", "'auto', 'cuda', 'mps' or 'cpu'"),
    ],
)
def test_a_value_outside_the_bounds_is_named_with_its_option(option: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_options(options(f"{option}={value}"), QuickstartSpec)
    said = str(raised.value)
    assert said.startswith(f"{option} '{value}' cannot be used: ") and why in said
    assert said.endswith(".") and "\n" not in said


@pytest.mark.parametrize("arguments", [["--target", "many"], ["--arms", "...,huge"], ["--name", "../up"]])
def test_a_value_that_cannot_be_used_ends_the_command_with_one_sentence(
    arguments: list[str], here: Command, tmp_path: Path
) -> None:
    ran = here("quickstart", *arguments, "--json", home=tmp_path / "home")
    assert ran.code == 1 and ran.out == ""
    assert re.fullmatch(r"\nbantam: [^\n]+\.\n", ran.err)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["quickstar"], [], ["ask"], ["quickstart", "--target"]]
)
def test_what_is_no_command_or_option_ends_with_2(
    arguments: list[str], here: Command, tmp_path: Path
) -> None:
    ran = here(*arguments, home=tmp_path / "home")
    assert ran.code == 2 and ran.err.startswith("usage: ")


@pytest.mark.parametrize(
    ("arms", "rows"),
    [
        (QuickstartSpec().arms, ["baseline", "lora", "rag+compress", "lora+rag+compress"]),
        ("...,large", ["baseline", "lora", "rag+compress", "lora+rag+compress", "large"]),
        ("rag, ...", ["baseline", "rag", "lora", "rag+compress", "lora+rag+compress"]),
        ("LoRA+RAG+Compress", ["baseline", "lora+rag+compress"]),
        ("", ["baseline"]),
    ],
)
def test_arms_are_rows_with_the_baseline_first(arms: str, rows: list[str]) -> None:
    assert QuickstartSpec(arms=arms).rows() == rows


def test_an_unknown_arm_is_answered_with_those_there_are(here: Command, tmp_path: Path) -> None:
    ran = here("quickstart", "--arms", "...,huge", home=tmp_path / "home")
    assert ran.code == 1 and "there is no arm 'huge'" in ran.err
    assert all(arm in ran.err for arm in ARMS)


def test_retrieval_prints_one_json_object_with_the_promised_names(here: Command, tmp_path: Path) -> None:
    rows = [
        ("Who wrote the ballad?", "Ann Lowe", "The ballad of the hill was written by Ann Lowe in 1820."),
        ("What grows there?", "flax", "On the southern slope of the hill the farmers grow flax."),
    ]
    file = tmp_path / "questions.jsonl"
    file.write_text(
        "".join(json.dumps({"question": q, "answers": [a], "context": c}) + "\n" for q, a, c in rows)
    )
    ran = here("retrieval", "--questions", str(file), "--json", home=tmp_path / "home")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert PROMISED <= found.keys()
    assert found["questions"] == found["documents"] == 2
    assert found["r3"] == found["bullets_kept_5"] == 1.0
    assert ran.err.count("\n") == 1 and ran.err.startswith("[1/1] retrieval   2 questions over 2 paragraphs")


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    """`python -m jobs ... | head -1` once ended with the interpreter's own complaint."""
    program = (
        "import sys; from jobs.__main__ import main; import jobs.verbs.setup as m;"
        "from jobs.options import print_json;"
        "m._run = lambda o: print_json(['x' * 1000] * 1000);"
        "sys.exit(main(['setup']))"
    )
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} | head -c 1"],
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[" and done.stderr == ""
