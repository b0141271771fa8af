"""The benchmark of bookings works, and books nothing twice; how fast it is, is not a test."""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `booking`

import booking

from services.scheduling.settings import settings


def test_every_slot_that_is_wanted_by_many_is_booked_once(database: Callable[[str], str]) -> None:
    database("scheduling")
    settings.cache_clear()
    found = booking.measure(slots=4, wishes=6, clients=8)
    assert (found.booked, found.refused, found.twice) == (4, 20, 0)
