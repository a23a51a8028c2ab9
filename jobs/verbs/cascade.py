"""`python -m jobs cascade`: set the dials of a cascade on dev, show what they do on test."""

import argparse

from jobs.options import add_device, add_json, print_json
from jobs.verbs import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("cascade", help="set a cascade's dials on dev, show what they do on test")
    parser.add_argument("--name", default="space", help="the experiment's name (default: space)")
    parser.add_argument(
        "--budget", type=float, help="share of the questions that may escalate (default: 0.3)"
    )
    parser.add_argument("--risk", type=float, help="share of the wrong answers that may be let through")
    about = "also fit a router: questions that would escalate anyway go to the last tier at once"
    parser.add_argument("--route", action="store_true", help=about)
    about = "replay another pair instead: RouteLLM's CSV of two models' answers to GSM8K"
    parser.add_argument("--replay", default="", metavar="FILE", help=about)
    add_device(parser)
    add_json(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from jobs.console import Console

    console = Console(1)
    console.begin("cascade")
    if options.replay:
        from pathlib import Path

        from engine.evaluation.replay import replay

        result = replay(Path(options.replay), 0.3 if options.budget is None else options.budget)
    else:
        from jobs.cascade import cascade

        result = cascade(
            options.name, options.budget, options.risk, options.device, console, route=options.route
        )
    console.end("replayed on the answers kept")
    if options.json:
        print_json(result)
        return
    for name, value in result.items():
        if isinstance(value, int | float) or value is None:
            print(f"{name:<24} {value:.4f}" if isinstance(value, float) else f"{name:<24} {value}")
    print(result["sentence"])
