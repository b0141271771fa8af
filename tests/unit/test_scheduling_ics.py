"""The calendar file: stable, growing SEQUENCE, and not a word on why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from services.scheduling.domain.appointment import Appointment, Patient, Status
from services.scheduling.domain.calendar import Schedule, Span, parse_hours
from services.scheduling.ics import to_calendar
from shared.errors import Conflict

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
WHEN = Span(AT + timedelta(days=1), AT + timedelta(days=1, minutes=20))
ROOM = Schedule(
    "s",
    "Pneumonia clinic",
    "follow-up",
    "Building B",
    "Europe/Paris",
    timedelta(minutes=20),
    parse_hours("mon 08:00-09:00"),
)
BOOKED = Appointment(
    "a",
    Status.BOOKED,
    "Europe/Paris",
    "c",
    AT,
    AT,
    2,
    "s",
    ("1",),
    WHEN,
    Patient("p", "mrn", "M-1", "Doe, Jane"),
    case_id="k",
)


def entry(appointment: Appointment, language: str = "en") -> dict[str, bytes]:
    calendar = Calendar.from_ical(to_calendar(appointment, ROOM, language))
    (event,) = calendar.walk("VEVENT")
    return {name: event[name].to_ical() for name in ("UID", "SEQUENCE", "DTSTART")}


def test_the_same_appointment_is_the_same_bytes() -> None:
    assert to_calendar(BOOKED, ROOM) == to_calendar(replace(BOOKED), ROOM)


def test_a_moved_appointment_keeps_its_uid_and_counts_up() -> None:
    later = Span(WHEN.start + timedelta(hours=1), WHEN.end + timedelta(hours=1))
    before, after = entry(BOOKED), entry(replace(BOOKED, span=later, version=3))
    assert before["UID"] == after["UID"]
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (b"2", b"3")
    assert (before["DTSTART"], after["DTSTART"]) == (b"20261125T080000Z", b"20261125T090000Z")


def test_a_cancelled_one_says_so_to_the_calendar() -> None:
    made = to_calendar(replace(BOOKED, status=Status.CANCELLED, version=4, cancel_reason="Jane is better"), ROOM)
    assert b"METHOD:CANCEL" in made
    assert b"STATUS:CANCELLED" in made


@pytest.mark.parametrize("language", ["en", "fr"])
def test_it_says_neither_who_nor_why(language: str) -> None:
    made = to_calendar(replace(BOOKED, cancel_reason="Jane is better"), ROOM, language).decode()
    assert not [word for word in ("Doe", "Jane", "M-1", "Pneumonia", "follow") if word in made]


def test_what_is_only_proposed_has_no_file() -> None:
    with pytest.raises(Conflict, match="not booked yet"):
        to_calendar(replace(BOOKED, status=Status.PROPOSED), ROOM)
