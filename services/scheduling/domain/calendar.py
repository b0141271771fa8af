"""Opening hours as slots: local time is what people read, UTC is what is counted.

Steps are taken in UTC. A local time that does not exist (02:30 on the day the clocks go forward) gives no slot; an hour
that comes twice (the day they go back) is offered once, the first time. Source: PEP 495.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.errors import InvalidResource

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(hours=8)
_PART: Final = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<times>[\d:,-]+)")

Hours = Mapping[int, tuple[tuple[time, time], ...]]
"""Weekday (Monday is 0) → opening and closing times, local."""


@dataclass(frozen=True, order=True)
class Span:
    """From `start` (included) until `end` (not included), both aware UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Schedule:
    """Something that can be booked: a room with its team.

    Attributes:
        service: code of what is done there; what `visit-type` of `$find` asks for.
        location: where people go, in words.
        zone: IANA name, such as `Europe/Paris`.
        slot: length of one slot.
        opened_until: the last day whose slots exist; None before the first.
    """

    id: str
    name: str
    service: str
    location: str
    zone: str
    slot: timedelta
    hours: Hours
    opened_until: date | None = None


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidResource: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidResource("There is no such time zone", fix="Give an IANA name such as Europe/Paris.") from None


def local_day(moment: datetime, zone: str) -> date:
    """The day that people there call a moment's."""
    return moment.astimezone(zone_of(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """When a local day begins; where midnight itself is skipped, the first moment after."""
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)


def slots_of_day(schedule: Schedule, day: date) -> list[Span]:
    """The slots of one local day, in order."""
    zone = zone_of(schedule.zone)
    return [span for hours in schedule.hours.get(day.weekday(), ()) for span in _steps(hours, schedule.slot, zone, day)]


def _steps(hours: tuple[time, time], length: timedelta, zone: ZoneInfo, day: date) -> Iterator[Span]:
    opens, closes = (datetime.combine(day, at) for at in hours)
    at = min(opens.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    end = closes.replace(tzinfo=zone).astimezone(UTC)
    while at + length <= end:
        local = at.astimezone(zone)
        if local.fold == 0 and opens <= local.replace(tzinfo=None) < closes:
            yield Span(at, at + length)
        at += length


def parse_hours(text: str) -> Hours:
    """Hours as people write them: `mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00`.

    Raises:
        InvalidResource: they cannot be read, overlap, or end before they begin.
    """
    made: dict[int, tuple[tuple[time, time], ...]] = {}
    for part in text.lower().split(";"):
        found = _PART.fullmatch(part.strip())
        if not found or found["first"] not in DAYS or (found["last"] or "mon") not in DAYS:
            raise _unreadable()
        first = DAYS.index(found["first"])
        last = DAYS.index(found["last"]) if found["last"] else first
        for weekday in range(first, last + 1):
            made[weekday] = tuple(sorted((*made.get(weekday, ()), *_times(found["times"]))))
    for times in made.values():
        edges = [edge for pair in times for edge in pair]
        if edges != sorted(edges) or any(opens == closes for opens, closes in times):
            raise _unreadable()
    return made


def _times(text: str) -> list[tuple[time, time]]:
    try:
        return [
            (time.fromisoformat(opens), time.fromisoformat(closes))
            for opens, closes in (pair.split("-") for pair in text.split(","))
        ]
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> InvalidResource:
    return InvalidResource(
        "The opening hours cannot be read", fix="Write them like 'mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00'."
    )


def write_hours(hours: Hours) -> dict[str, list[list[str]]]:
    """Hours as JSON."""
    return {
        DAYS[day]: [[f"{opens:%H:%M}", f"{closes:%H:%M}"] for opens, closes in times] for day, times in hours.items()
    }


def read_hours(stored: Mapping[str, list[list[str]]]) -> Hours:
    """Hours from JSON."""
    return {
        DAYS.index(day): tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in times)
        for day, times in stored.items()
    }
