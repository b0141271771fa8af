"""FHIR dates as spans of time: a date without a day is a whole month, and a search compares spans.

Source: http://hl7.org/fhir/R4/search.html#date
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_DAYS: Final = timedelta(days=32)
"""Longer than any month: from its first day into the next month."""


@dataclass(frozen=True)
class Span:
    """From `start` (included) until `end` (not included), both aware UTC."""

    start: datetime
    end: datetime


_ALWAYS: Final = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


def span_of(text: str) -> Span | None:
    """The span of a FHIR date, dateTime or instant; UTC where it names no zone; None when it is none of these."""
    try:
        if partial := _PARTIAL.fullmatch(text):
            return _calendar(*partial.groups())
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    start = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if "." in text:
        return Span(start, start + timedelta(microseconds=1))
    seconds = text.count(":", text.find("T"), text.find("T") + 9) > 1
    return Span(start, start + (timedelta(seconds=1) if seconds else timedelta(minutes=1)))


def span_between(start: str | None, end: str | None) -> Span:
    """The span of a FHIR Period; a side that it does not give is open."""
    first, last = span_of(start or ""), span_of(end or "")
    return Span(first.start if first else _ALWAYS.start, last.end if last else _ALWAYS.end)


def _calendar(year: str, month: str | None, day: str | None) -> Span:
    start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    if day:
        return Span(start, start + timedelta(days=1))
    if month:
        return Span(start, (start + _DAYS).replace(day=1))
    return Span(start, start.replace(year=start.year + 1))
