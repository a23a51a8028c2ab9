"""Text as markup, safely: nothing that a person, a document or a model wrote becomes a tag. Pure."""

import html
import re
from collections.abc import Collection

SHOWN = 2_000  # characters of one untrusted text that are shown
_MARK = re.compile(r"\[(\d{1,3})\]")


def esc(text: object, most: int = SHOWN) -> str:
    """Text as text: no tag, no attribute, no template of the screen's, and not longer than `most`."""
    plain = str(text)
    plain = plain if len(plain) <= most else f"{plain[:most]} …"
    escaped = html.escape(plain, quote=True)
    return escaped.replace("$", "&#36;").replace("{", "&#123;").replace("`", "&#96;").replace("\\", "&#92;")


def status(words: str, kind: str = "") -> str:
    """The line above the answer that says what goes on; screen readers read it out."""
    return f'<p class="bt-status {kind}" role="status">{esc(words)}</p>'


def box(kind: str, title: str, body: str) -> str:
    """A framed part of the screen with a badge; `body` is markup."""
    return f'<div class="bt-box bt-{kind}"><p class="bt-badge">{esc(title)}</p>{body}</div>'


def sentence(text: str) -> str:
    """`text` with a capital, unless it begins with a name like smollm2-135m, and a full stop."""
    first = text.partition(" ")[0].rstrip(":;,.")
    text = f"{text[:1].upper()}{text[1:]}" if first.isalpha() else text
    return text if text.endswith((".", "!", "?")) else f"{text}."


def linked(text: str, numbers: Collection[int], prefix: str) -> str:
    """`text` escaped, its marks [2] as links to those bullets that are cited; a cited bullet without a mark
    is added behind."""
    there = {int(number) for number in _MARK.findall(text[:SHOWN])}

    def link(number: int) -> str:
        return f'<a class="bt-cite" href="#{prefix}-b{number}" aria-label="bullet {number}">[{number}]</a>'

    def marked(match: re.Match[str]) -> str:
        return link(int(match[1])) if int(match[1]) in numbers else match[0]

    return " ".join([_MARK.sub(marked, esc(text)), *(link(one) for one in numbers if one not in there)])
