"""The texts of a Space that are written and not copied: its README with front matter, and its entry."""

import importlib.metadata
import re
from typing import Any

MAIN = '''"""The Space's entry. `python main.py` serves it; `python main.py --check` asks the kept samples
again and says what differs from the lab's answers.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["BANTAM_HOME"] = str(HERE / "home")
os.environ["BANTAM_READ_ONLY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(HERE))

from app.play.desk import Desk
from app.playground import build, settings
from jobs import parity
from jobs.console import quiet
from jobs.opened import open_experiment


def check() -> int:
    """0 if the Space answers as the lab did; else what differs, and 1."""
    (name,) = Desk().names()
    words, note = parity.check(open_experiment(name), parity.read(HERE / parity.FILE))
    print(*([note] if note else []), *(words or ["The Space answers as the lab did."]), sep="\\\\n")
    return 1 if words else 0


quiet()
if __name__ == "__main__" and "--check" in sys.argv:
    sys.exit(check())
demo = build(Desk(endpoints=False), read_only=True)
if __name__ == "__main__":
    demo.launch(**settings())
'''.replace("\\\\n", "\\n")


def readme(name: str, documents: int, manifest: dict[str, Any]) -> str:
    """The Space's README, front matter first."""
    shown = re.sub(r"[^A-Za-z0-9 ._-]", "", name)
    spec = manifest["spec"]
    return f"""---
title: Bantam {shown}
sdk: gradio
sdk_version: {importlib.metadata.version("gradio")}
python_version: "3.11"
app_file: main.py
colorFrom: gray
colorTo: blue
license: apache-2.0
pinned: false
short_description: A small model that answers from documents, step by step
---

# Bantam: {shown}

A small language model ({spec["small"]}) answers questions from {documents} documents. Every step is in
sight: what was found, the lines that were kept, the draft, how the verifier weighed it, and why it was
accepted, handed to the larger model or refused.

- `main.py` starts it; `python main.py --check` asks the kept samples again and compares the answers.
- It holds the documents' text (in the index), the questions of its experiment, the small model, its
  adapter, the reader, and no database, no account and no key. It writes nothing down: there are no
  votes here.
- The larger model ({spec["large"]}) is fetched from the hub when it can be had. Where it cannot, the
  Space answers without it and says so.
- Without a network, after `pip install -r requirements.txt`: `HF_HUB_OFFLINE=1 python main.py`.

Made with Bantam, Apache-2.0. The embedded models' cards are in `engine/embedded/`. The documents keep
their own licence: say here what it is.
"""
