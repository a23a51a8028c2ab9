"""Documents in, clean documents out, and a report of what went, why, with examples. Nothing is lost: what a
filter removes is kept beside with its reason, and the documents that came in stay as they were.

Each filter is a field of CleanSpec and can be turned off; cleaning again without it undoes it. Knows no file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.data import pii, tidy
from engine.data.dedupe import near, same
from engine.data.following import Followed, follow
from engine.data.language import check, languages
from engine.data.quality import quality
from engine.data.records import Corpus, Document
from engine.errors import ConfigError, DataError
from engine.progress import Progress, Report, silent

EXAMPLES = 5
SHOWN = 160
NO_TWINS: Mapping[str, str] = {}
EDGES = (0, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)  # letters


class CleanSpec(BaseModel):
    """What is put right and what is left out. Every filter can be turned off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalise: bool = Field(True, description="put characters, blanks and broken lines right")
    boilerplate: bool = Field(
        True, description="take out headers, footers and lines that most documents have"
    )
    exact: bool = Field(True, description="keep one of documents with the same text")
    near: float = Field(
        0.8, ge=0, le=1, description="keep one of documents that share this much (Jaccard); 0: off"
    )
    shortest: int = Field(20, ge=0, le=1_000_000, description="fewest letters of a document; 0: off")
    longest: int = Field(0, ge=0, le=100_000_000, description="most letters of a document; 0: off")
    language: str = Field("", max_length=200, description="languages to keep, such as en,de; empty: all")
    quality: float = Field(0.4, ge=0, le=1, description="least quality score, 0 to 1; 0: off")
    pii: str = Field(
        "",
        max_length=40,
        description="personal data to mask: all, or some of email,phone,card,ip,id; empty: none",
    )

    @field_validator("language")
    @classmethod
    def _languages(cls, value: str) -> str:
        if value:
            check(value.split(","))
        return value

    @field_validator("pii")
    @classmethod
    def _personal(cls, value: str) -> str:
        wrong = [kind for kind in value.split(",") if kind not in pii.KINDS]
        if value not in ("", "all") and wrong:
            raise ConfigError(
                f"The personal data {wrong[0]!r} cannot be used: give all, or some of {','.join(pii.KINDS)}."
            )
        return value


@dataclass(frozen=True)
class Removed:
    """A document that a filter left out; `kept` is the one that says the same, if that was why."""

    filter: str
    reason: str
    document: Document
    kept: str = ""


@dataclass
class Step:
    """What one filter did: how many documents it changed or removed, counts of its own, and a few examples
    (id, what it was, what became of it or why it went)."""

    filter: str
    changed: int = 0
    removed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)

    def show(self, identity: str, before: str, after: str) -> None:
        """Keep an example, as long as there are few."""
        if len(self.examples) < EXAMPLES:
            self.examples.append({"id": identity, "before": _short(before), "after": _short(after)})


@dataclass(frozen=True)
class Cleaned:
    """The clean corpus, what was removed, what became of the questions, and what each filter that was on did.
    `before` and `after` are histograms: {"letters": [[from, count] ...], "quality": ...}."""

    corpus: Corpus
    removed: tuple[Removed, ...]
    questions: Followed
    steps: tuple[Step, ...]
    before: dict[str, list[list[float]]]
    after: dict[str, list[list[float]]]

    def report(self) -> dict[str, Any]:
        """All of it but the documents, as JSON takes it."""
        return {
            "documents": {"kept": len(self.corpus.documents), "removed": len(self.removed)},
            "questions": {
                "kept": len(self.questions.questions),
                "moved": self.questions.moved,
                "removed": len(self.questions.lost),
            },
            "steps": [asdict(step) for step in self.steps],
            "before": self.before,
            "after": self.after,
        }


def clean(corpus: Corpus, spec: CleanSpec, report: Report = silent) -> Cleaned:
    """Run the filters of `spec` in order over the documents; chats and pairs stay, questions follow their
    documents (following.py). Raises DataError if no document is left."""
    documents = list(corpus.documents)
    before = _histograms(documents)
    removed: list[Removed] = []
    steps: list[Step] = []
    rounds: list[tuple[str, Any]] = [
        ("normalise", spec.normalise and _normalise),
        ("boilerplate", spec.boilerplate and _boilerplate),
        ("length", (spec.shortest or spec.longest) and _length),
        ("language", spec.language and _language),
        ("quality", spec.quality and _quality),
        ("exact", spec.exact and _exact),
        ("near", spec.near and _near),
        ("pii", spec.pii and _mask),
    ]
    for number, (name, run) in enumerate(rounds):
        report(Progress("clean", number, len(rounds), "filters", name))
        if run:
            step = Step(name)
            documents, gone = run(documents, spec, step, report)
            step.removed = len(gone)
            removed += gone
            steps.append(step)
    report(Progress("clean", len(rounds), len(rounds), "filters"))
    if removed and not documents:
        worst = max(steps, key=lambda step: step.removed)
        raise DataError(
            f"Cleaning leaves no document: {worst.removed} went by the filter {worst.filter}, such as "
            f"{removed[0].document.id!r} ({removed[0].reason}). Turn that filter off or set it lower."
        )
    followed = follow(
        corpus.questions,
        corpus.documents,
        documents,
        {one.document.id: one.kept for one in removed if one.kept},
        {one.document.id: f"its document was left out: {one.reason}" for one in removed},
        lambda text: _right(text, spec),
    )
    made = replace(corpus, documents=tuple(documents), questions=followed.questions)
    return Cleaned(made, tuple(removed), followed, tuple(steps), before, _histograms(documents))


Filtered = tuple[list[Document], list[Removed]]


def _normalise(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    return [_changed(document, tidy.normalised(document), step) for document in documents], []


def _boilerplate(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    repeated = tidy.repeated_lines(documents)
    kept = []
    lines: Counter[str] = Counter()
    for document in documents:
        without, gone = tidy.without_repeats(document, repeated)
        lines.update(gone)
        if gone:
            step.changed += 1
            step.show(document.id, " / ".join(gone), f"{len(gone)} line{'s' * (len(gone) > 1)} taken out")
        kept.append(without)
    step.counts = {_short(line): times for line, times in lines.most_common(20)}
    return kept, []


def _length(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    def why(document: Document) -> str:
        size = len(document.text.strip())
        if size < spec.shortest or not size:
            return f"{size} letters, fewer than {spec.shortest or 1}"
        return f"{size} letters, more than {spec.longest}" if spec.longest and size > spec.longest else ""

    return _parted(documents, map(why, documents), step)


def _language(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    wanted = spec.language.split(",")
    found = languages([document.text for document in documents])
    step.counts = dict(Counter(name or "unknown" for name in found).most_common())
    reasons = (f"its language is {name}" if name and name not in wanted else "" for name in found)
    return _parted(documents, reasons, step)


def _quality(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    def why(document: Document) -> str:
        found = quality(document.text)
        if found.score >= spec.quality:
            return ""
        parts = found._asdict()
        del parts["score"]
        worst = min(parts, key=lambda name: parts[name])
        return f"quality {found.score:.2f}, below {spec.quality:g} (weakest: {worst} {parts[worst]:.2f})"

    return _parted(documents, map(why, documents), step)


def _exact(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    found = same(document.text for document in documents)
    twins = {documents[place].id: documents[first].id for place, first in found.items()}
    reasons = (f"the same text as {twins[d.id]!r}" if d.id in twins else "" for d in documents)
    return _parted(documents, reasons, step, twins)


def _near(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    found = near([document.text for document in documents], spec.near, report)
    twins = {documents[place].id: documents[first].id for place, (first, _) in found.items()}
    reasons = (
        f"shares {found[place][1]:.0%} with {documents[found[place][0]].id!r}" if place in found else ""
        for place in range(len(documents))
    )
    return _parted(documents, reasons, step, twins)


def _mask(documents: Sequence[Document], spec: CleanSpec, step: Step, report: Report) -> Filtered:
    counts: Counter[str] = Counter()
    kept = []
    for document in documents:
        parts = [pii.mask(part, _kinds(spec)) for part in tidy.parts(document)]
        for part in parts:
            counts.update(part.counts)
        kept.append(_changed(document, tidy.rebuilt(document, [part.text for part in parts]), step))
    step.counts = dict(counts)
    return kept, []


def _kinds(spec: CleanSpec) -> tuple[str, ...]:
    return pii.KINDS if spec.pii == "all" else tuple(spec.pii.split(","))


def _changed(before: Document, after: Document, step: Step) -> Document:
    if after.text != before.text:
        step.changed += 1
        end = min(len(before.text), len(after.text))
        at = next((i for i in range(end) if before.text[i] != after.text[i]), end)
        start = max(0, at - SHOWN // 4)
        step.show(
            before.id, repr(before.text[start : start + SHOWN]), repr(after.text[start : start + SHOWN])
        )
    return after


def _parted(
    documents: Sequence[Document], reasons: Iterable[str], step: Step, twins: Mapping[str, str] = NO_TWINS
) -> Filtered:
    """The documents without a reason to go, and the others with theirs."""
    kept, gone = [], []
    for document, reason in zip(documents, reasons, strict=True):
        if reason:
            gone.append(Removed(step.filter, reason, document, twins.get(document.id, "")))
            step.show(document.id, document.text, reason)
        else:
            kept.append(document)
    return kept, gone


def _right(text: str, spec: CleanSpec) -> str:
    """What is done to a document's text, done to a question or an answer."""
    text = tidy.normalise(text) if spec.normalise else text
    return pii.mask(text, _kinds(spec)).text if spec.pii else text


def _histograms(documents: Sequence[Document]) -> dict[str, list[list[float]]]:
    letters = Counter(max(edge for edge in EDGES if edge <= len(document.text)) for document in documents)
    scores = Counter(min(9, int(10 * quality(document.text).score)) for document in documents)
    return {
        "letters": [[edge, letters[edge]] for edge in EDGES],
        "quality": [[tenth / 10, scores[tenth]] for tenth in range(10)],
    }


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
