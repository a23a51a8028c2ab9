"""Texts that came from a file, a model or a browser, made fit for a screen: Markdown escaped, times and
sizes in words. Draws nothing."""

import re
from datetime import UTC, datetime

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: object) -> str:
    """One line of Markdown that shows `text` as it is."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(str(text).split()))


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 8 s, 4 min 10 s, 2 h 5 min; "" when not known."""
    if seconds is None or seconds < 0:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(stamp: str | None) -> datetime | None:
    """A stored time (UTC, ISO, Z) as a datetime; None for none and for what is no time."""
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(UTC) if stamp else None
    except ValueError:
        return None


def when(stamp: str | None) -> str:
    """A stored time as 2026-11-27 20:15 UTC; "" for none."""
    found = moment(stamp)
    return f"{found:%Y-%m-%d %H:%M} UTC" if found else ""


def since(start: str | None, end: str | None = None, *, now: datetime | None = None) -> float | None:
    """Seconds between two stored times, or until `now` when the end is not there yet."""
    begun = moment(start)
    if begun is None:
        return None
    return ((moment(end) or now or datetime.now(UTC)) - begun).total_seconds()


def size(count: float | None) -> str:
    """Bytes as a person reads them: 4.2 GB, 35 MB, 512 kB (powers of ten)."""
    if count is None:
        return ""
    for unit, worth in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= worth:
            value = count / worth
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{count:.0f} bytes"
