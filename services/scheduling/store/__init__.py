"""All SQL of scheduling; functions take a session and speak domain."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.store import appointments
from services.scheduling.store.patients import patient, remember
from services.scheduling.store.schedules import (
    add_schedule,
    free_slots,
    lock_slots,
    open_until,
    schedule,
    schedules,
    slots_between,
    slots_by_id,
)
from shared import db

SERVICE: Final = "scheduling"

_TAKEN: Final = frozenset({"23P01", "40P01"})
"""SQLSTATE exclusion_violation and deadlock_detected: both mean that somebody else has the slot."""

GUARDED: Final = Counter("hub_booking_guards", "Bookings that only the database's last guard refused", ["sqlstate"])
"""Stays at 0 as long as every booking locks its slots first."""


@contextmanager
def transaction() -> Iterator[Session]:
    """A session that commits when its block ends.

    Raises:
        SlotTaken: the exclusion constraint refused, or PostgreSQL ended a deadlock.
        Unavailable: the database is away.
    """
    try:
        with db.transaction(SERVICE) as session:
            yield session
    except DBAPIError as error:
        if (state := db.sqlstate(error)) in _TAKEN:
            GUARDED.labels(state).inc()
            raise SlotTaken from None
        raise


def now(session: Session) -> datetime:
    """This moment by the database's clock, by which holds end and rows become due."""
    at: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return at


__all__ = [
    "SERVICE",
    "Session",
    "add_schedule",
    "appointments",
    "free_slots",
    "lock_slots",
    "now",
    "open_until",
    "patient",
    "remember",
    "schedule",
    "schedules",
    "slots_between",
    "slots_by_id",
    "transaction",
]
