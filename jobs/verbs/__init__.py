"""The commands of `python -m jobs`, one module each, in the order of --help.

A module has `add(commands)`, which adds its parser with `set_defaults(command=...)`. Heavy imports wait
until the command runs, so that --help is there at once.
"""

import argparse
from typing import TypeAlias

from jobs.options import Parser

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

QUEUE = ("submit", "list", "show", "logs", "cancel", "resume", "duplicate", "worker", "run")
DATA = ("import", "clean", "split", "synthesize", "pairs", "export")
VERBS = ("quickstart", "ask", "retrieval", *DATA, *QUEUE, "calibrate", "cascade", "publish", "bench", "setup")
