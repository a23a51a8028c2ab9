"""The command line, `python -m jobs quickstart | ask | retrieval | setup | bench`: reads arguments, prints.

Heavy imports wait until a command runs, so that --help is there at once.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
from typing import Any

from pydantic import BaseModel, ValidationError

from jobs.console import Console, quiet
from jobs.specs import QuickstartSpec

JSON_HELP = "print one JSON object instead of text"
IMPATIENCE = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Run a command. The exit status is 0, 1 for what a person can mend, 2 for wrong arguments, 130 for
    Ctrl-C."""
    from engine.errors import LabError
    from storage.errors import StorageError

    try:
        _stop_on_signals()
        quiet()
        options = _parser().parse_args(arguments)
        options.command(options)
        sys.stdout.flush()
    except (LabError, StorageError) as error:
        print(f"\nbantam: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stopped = "stopped. What was finished is kept: the same command goes on from there."
        print(f"\nbantam: {stopped}", file=sys.stderr)
        return 130
    except (
        BrokenPipeError
    ):  # who reads the output has read enough; the interpreter must not try again to write it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _stop_on_signals() -> None:
    """Make Ctrl-C and SIGTERM a KeyboardInterrupt; a second one soon after must not cut the tidying up
    short."""
    stopped = -math.inf

    def stop(*_: object) -> None:
        nonlocal stopped
        now = time.monotonic()
        if now - stopped > IMPATIENCE:
            stopped = now
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as a shell asks for what it runs behind itself
            signal.signal(number, stop)


def _parser() -> argparse.ArgumentParser:
    about = "Bantam: make a small model good on your documents, and measure it."
    parser = argparse.ArgumentParser(prog="python -m jobs", description=about)
    commands = parser.add_subparsers(required=True, title="commands")
    about = "documents in, the table out"
    quick = commands.add_parser("quickstart", help=about, description=QuickstartSpec.__doc__)
    add_options(quick, QuickstartSpec)
    quick.set_defaults(command=_quickstart)
    ask = commands.add_parser("ask", help="ask a question of an experiment")
    ask.add_argument("question", help="the question, in quotes")
    ask.add_argument("--name", default="space", help="the experiment's name (default: space)")
    ask.add_argument("--device", default=None, help="cuda, mps or cpu (default: the best there is)")
    ask.set_defaults(command=_ask)
    retrieval = commands.add_parser("retrieval", help="measure retrieval on questions with their paragraphs")
    about = "SQuAD JSON, or JSONL with question, answers and context"
    retrieval.add_argument("--questions", required=True, help=about)
    retrieval.set_defaults(command=_retrieval)
    bench = commands.add_parser("bench", help="measure speed on this machine")
    bench.set_defaults(command=_bench)
    setup = commands.add_parser("setup", help="check and prepare the embedded models")
    setup.set_defaults(command=_setup)
    for command in (quick, ask, retrieval, bench):
        command.add_argument("--json", action="store_true", help=JSON_HELP)
    return parser


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


def _quickstart(options: argparse.Namespace) -> None:
    spec = from_options(options, QuickstartSpec)
    from jobs.quickstart import run

    result = run(spec)
    if options.json:
        _print_json(result)
        return
    print(f"\n{result['table']}\n")
    for sentence in result["sentences"]:
        print(sentence)
    print(f"\nThe report: {result['report']} (report.md, report.csv, report.html)")
    print(f'Ask it:     {sys.executable} -m jobs ask "YOUR QUESTION" --name {result["name"]}')


def _ask(options: argparse.Namespace) -> None:
    from jobs.ask import ask, shown

    result = ask(options.question, options.name, options.device)
    _print_json(result) if options.json else print(shown(result))


def _retrieval(options: argparse.Namespace) -> None:
    from dataclasses import asdict
    from pathlib import Path

    from engine.data.load import load_questions
    from engine.evaluation.retrieval import measure

    console = Console(1)
    console.begin("retrieval")
    corpus = load_questions(Path(options.questions))
    result = asdict(measure(corpus.documents, corpus.questions, console))
    console.end(f"{result['questions']} questions over {result['documents']} paragraphs")
    if options.json:
        _print_json(result)
        return
    for name, value in result.items():
        print(f"{name:<18} {value:.4f}" if isinstance(value, float) else f"{name:<18} {value}")


def _bench(options: argparse.Namespace) -> None:
    from jobs.bench import STAGES, bench, shown

    result = bench(Console(STAGES))
    _print_json(result) if options.json else print(shown(result))


def _setup(options: argparse.Namespace) -> None:
    from engine.inference import weights

    console = Console(2)
    console.begin("embedder")
    weights.embedder_folder()
    console.end("all-MiniLM-L6-v2 checked")
    console.begin("SmolLM2")
    console.end(f"SmolLM2-135M-Instruct checked and converted, in {weights.smollm2_folder(console)}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


if __name__ == "__main__":
    sys.exit(main())
