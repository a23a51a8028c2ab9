"""The command line, `python -m jobs`: takes the command from jobs/verbs/ and turns errors into sentences."""

import math
import os
import shlex
import signal
import sys
import time
from importlib import import_module

from jobs.console import quiet
from jobs.options import Parser
from jobs.verbs import VERBS

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
        options.line = f"python -m jobs {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
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


def _parser() -> Parser:
    about = "Bantam: make a small model good on your documents, and measure it."
    parser = Parser(prog="python -m jobs", description=about)
    commands = parser.add_subparsers(required=True, title="commands")
    for name in VERBS:
        module = f"jobs.verbs.{name}" + ("_" if name == "import" else "")  # a word of Python's own
        import_module(module).add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
