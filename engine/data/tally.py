"""Counts of kept and dropped rows as numbers that a job stores, so that they can be watched while it runs.

One metric a reason, named "rows: REASON", with what a teacher has cost beside it. Knows no page and no job.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.progress import Metric, Report

if TYPE_CHECKING:
    from engine.data.teacher import Spent

ROWS = "rows: "
CALLS, CACHED, TOKENS, COST = "calls", "calls from the cache", "tokens", "cost (dollars)"


def tell(counts: Mapping[str, int], report: Report, spent: "Spent | None" = None) -> None:
    """Report how many rows were kept and dropped, by reason, and what was spent; the step is how many were
    written."""
    step = sum(counts.values())
    for reason, count in counts.items():
        report(Metric(f"{ROWS}{reason}", step, float(count)))
    if spent is not None:
        numbers = {CALLS: spent.calls, CACHED: spent.cached, COST: spent.cost}
        numbers[TOKENS] = spent.prompt_tokens + spent.completion_tokens
        for name, value in numbers.items():
            report(Metric(name, step, float(value)))


def told(latest: Mapping[str, float | None]) -> dict[str, int]:
    """The counts by reason among a job's latest numbers, without reasons that did not occur."""
    return {
        name[len(ROWS) :]: int(value) for name, value in latest.items() if name.startswith(ROWS) and value
    }
