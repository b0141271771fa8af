"""Local opening hours as slots: the days on which the clocks change lose nobody and book nobody twice."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.calendar import (
    Schedule,
    local_day,
    midnight,
    parse_hours,
    read_hours,
    slots_of_day,
    write_hours,
)
from shared.errors import InvalidResource

PARIS = ZoneInfo("Europe/Paris")
FORWARD = date(2027, 3, 28)
"""02:00 becomes 03:00."""
BACK = date(2026, 10, 25)
"""03:00 becomes 02:00: the hour from 02:00 comes twice."""
ORDINARY = date(2026, 11, 22)
"""A Sunday too."""


def schedule(hours: str, minutes: int = 30, zone: str = "Europe/Paris") -> Schedule:
    return Schedule("s", "Night", "follow-up", "Radiology", zone, timedelta(minutes=minutes), parse_hours(hours))


def local(day: date, hours: str, minutes: int = 30) -> list[str]:
    found = slots_of_day(schedule(hours, minutes), day)
    return [f"{span.start.astimezone(PARIS):%H:%M}" for span in found]


def test_an_ordinary_night_has_every_half_hour() -> None:
    assert local(ORDINARY, "sun 01:00-04:00") == ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]


def test_local_times_that_do_not_exist_give_no_slot() -> None:
    assert local(FORWARD, "sun 01:00-04:00") == ["01:00", "01:30", "03:00", "03:30"]


def test_the_hour_that_comes_twice_is_offered_once() -> None:
    assert local(BACK, "sun 01:00-04:00") == ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]
    first = [span.start for span in slots_of_day(schedule("sun 02:00-03:00"), BACK)]
    assert first == [datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ("sun 02:30-04:00", ["03:00", "03:30"]),
        ("sun 01:00-02:30", ["01:00", "01:30"]),
        ("sun 02:00-03:00", []),
    ],
)
def test_opening_or_closing_in_the_hour_that_does_not_exist(hours: str, expected: list[str]) -> None:
    assert local(FORWARD, hours) == expected


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.sampled_from([5, 15, 20, 45, 60]))
def test_slots_never_overlap_last_as_long_as_they_say_and_are_read_once(day: date, minutes: int) -> None:
    found = slots_of_day(schedule("mon-sun 00:00-12:00,13:00-23:30", minutes), day)
    assert all(span.end - span.start == timedelta(minutes=minutes) for span in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    read = [f"{span.start.astimezone(PARIS):%H:%M}" for span in found]
    assert len(read) == len(set(read))
    assert all(local_day(span.start, "Europe/Paris") == day for span in found)


@pytest.mark.parametrize(("day", "hours"), [(ORDINARY, 24), (FORWARD, 23), (BACK, 25)])
def test_a_local_day_is_as_long_as_it_is(day: date, hours: int) -> None:
    length = midnight(day + timedelta(days=1), "Europe/Paris") - midnight(day, "Europe/Paris")
    assert length == timedelta(hours=hours)


def test_a_closed_day_has_no_slots() -> None:
    assert slots_of_day(schedule("mon-fri 08:00-12:00"), ORDINARY) == []


def test_hours_survive_being_stored() -> None:
    hours = parse_hours("mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00")
    assert read_hours(write_hours(hours)) == hours


@pytest.mark.parametrize(
    "text",
    ["", "mon", "mon 8-12", "someday 08:00-12:00", "mon 12:00-08:00", "mon 08:00-12:00,11:00-13:00", "mon 08:00-08:00"],
)
def test_hours_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(InvalidResource, match="opening hours"):
        parse_hours(text)


def test_a_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidResource, match="time zone"):
        slots_of_day(schedule("mon-sun 08:00-12:00", zone="Europe/Atlantis"), ORDINARY)
