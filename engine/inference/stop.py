"""When an answer is over, apart from the model's own end token and the longest length: rules of brevity.

They change answers (what a model would still have said is not asked for), so they are off unless asked
for. Knows text only.
"""

import re
from dataclasses import dataclass

_CITED = re.compile(r"\S\s*\[\d{1,3}\]\s*$")


@dataclass(frozen=True)
class Stop:
    """`cited` ends a short answer as soon as its first citation is closed, as in "Paris [2]" (for one that
    may cite several bullets leave it off); `newline` ends an answer before its second line."""

    cited: bool = False
    newline: bool = False

    def why(self, text: str) -> str:
        """The name of the rule that ends this answer; "" when it goes on."""
        if self.newline and "\n" in text.lstrip():
            return "newline"
        return "cited" if self.cited and _CITED.search(text) else ""

    def shown(self, text: str) -> str:
        """The text without what stands behind the end."""
        return text.lstrip().partition("\n")[0] if self.newline else text
