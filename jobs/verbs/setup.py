"""`python -m jobs setup`: check and prepare the embedded models."""

import argparse

from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("setup", help="check and prepare the embedded models")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from engine.inference import weights
    from jobs.console import Console

    console = Console(2)
    console.begin("embedder")
    weights.embedder_folder()
    console.end("all-MiniLM-L6-v2 checked")
    console.begin("SmolLM2")
    console.end(f"SmolLM2-135M-Instruct checked and converted, in {weights.smollm2_folder(console)}")
