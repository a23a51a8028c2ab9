"""`python -m jobs retrieval`: measure retrieval on questions with their paragraphs."""

import argparse

from jobs.options import add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("retrieval", help="measure retrieval on questions with their paragraphs")
    about = "SQuAD JSON, or JSONL with question, answers and context"
    parser.add_argument("--questions", required=True, help=about)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict
    from pathlib import Path

    from engine.data.load import load_questions
    from engine.evaluation.retrieval import measure
    from jobs.console import Console

    console = Console(1)
    console.begin("retrieval")
    corpus = load_questions(Path(options.questions))
    result = asdict(measure(corpus.documents, corpus.questions, console))
    console.end(f"{result['questions']} questions over {result['documents']} paragraphs")
    if options.json:
        print_json(result)
        return
    for name, value in result.items():
        print(f"{name:<18} {value:.4f}" if isinstance(value, float) else f"{name:<18} {value}")
