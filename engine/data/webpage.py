"""HTML into its main text with sections, by trafilatura: menus, footers and scripts are left out.

Runs in the box (boxed.py): deep nesting and odd markup are common and can break a parser.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from engine.data.encoding import decoded
from engine.data.formats import Unusable, normalise
from engine.data.headings import sections

if TYPE_CHECKING:
    from engine.data.boxed import Extract

MOST_BYTES = 30_000_000
DEEPEST = 2_000
TAGS = 300_000
_TAG = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(/?)>")
_VOID = frozenset(b"area base br col embed hr img input link meta source track wbr p li td tr th".split())
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?\s*([\w-]{2,30})", re.IGNORECASE)


def extract(path: Path, encoding: str = "") -> "Extract":
    """The page's main text as Markdown; all its text where it has no main part that stands out. `encoding` is
    what a person named."""
    import trafilatura
    from trafilatura.metadata import extract_metadata

    from engine.data.boxed import Extract

    if path.stat().st_size > MOST_BYTES:
        raise Unusable(
            f"{path.stat().st_size / 1e6:.0f} MB of HTML are above the limit of {MOST_BYTES / 1e6:.0f} MB"
        )
    raw = path.read_bytes()
    if not re.search(rb"<[a-zA-Z!?/]", raw):
        raise Unusable("not HTML (it holds no tag)")
    tags, depth = _shape(raw)
    if tags > TAGS:
        raise Unusable(f"{tags:,} tags are above the limit of {TAGS:,}; split the page")
    if depth > DEEPEST:
        raise Unusable(f"nested more than {DEEPEST} tags deep")
    declared = _CHARSET.search(raw[:4096])
    page, note = decoded(raw, declared[1].decode() if declared else "", encoding)
    text = trafilatura.extract(
        page, output_format="markdown", include_comments=False, include_tables=True, include_formatting=True
    )
    if not text or len(text) < 200:
        whole = trafilatura.html2txt(page)
        text = whole if len(whole) > 2 * len(text or "") else text
    text = normalise(text or "").strip()
    facts = extract_metadata(page)
    title = " ".join((facts.title if facts and facts.title else "").split())[:200]
    return Extract(text, title, sections(text), note)


def _shape(raw: bytes) -> tuple[int, int]:
    """How many tags there are and how deep they are nested, counted without a parser (which could fall over
    it)."""
    count = deep = most = 0
    for found in _TAG.finditer(raw):
        count += 1
        if found[3] or found[2].lower() in _VOID:
            continue
        deep = max(0, deep - 1) if found[1] else deep + 1
        most = max(most, deep)
    return count, most
