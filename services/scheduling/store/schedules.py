"""Schedules and their slots: made a day at a time when somebody first looks that far, locked in sorted order."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from psycopg.types.range import TimestamptzRange
from sqlalchemy import ColumnElement, Row, Select, and_, case, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from services.scheduling.domain.appointment import Slot
from services.scheduling.domain.calendar import Schedule, Span, read_hours, slots_of_day, write_hours
from services.scheduling.store.tables import APPOINTMENTS, SCHEDULES, SLOTS
from shared.errors import NotFound

MOST_SCHEDULES = 200


def add_schedule(session: Session, schedule: Schedule) -> None:
    """A new schedule; its slots are made when they are first looked at."""
    session.execute(
        insert(SCHEDULES).values(
            id=schedule.id,
            name=schedule.name,
            service=schedule.service,
            location=schedule.location,
            zone=schedule.zone,
            slot=schedule.slot,
            hours=write_hours(schedule.hours),
        )
    )


def schedules(session: Session, *, service: str | None = None) -> list[Schedule]:
    """All schedules, or those of one service, by name."""
    query = select(SCHEDULES).order_by(SCHEDULES.c.name).limit(MOST_SCHEDULES)
    if service is not None:
        query = query.where(SCHEDULES.c.service == service)
    return [_schedule(row) for row in session.execute(query)]


def schedule(session: Session, number: str) -> Schedule:
    """One schedule, asked for once in a transaction.

    Raises:
        NotFound: there is none with this id.
    """
    known: dict[str, Schedule] = session.info.setdefault("schedules", {})
    if number not in known:
        row = session.execute(select(SCHEDULES).where(SCHEDULES.c.id == number)).first()
        if row is None:
            raise NotFound("There is no such schedule", fix="See `hub schedules list`.")
        known[number] = _schedule(row)
    return known[number]


def open_until(session: Session, number: str, first: date, last: date) -> list[Slot]:
    """Make the slots that are missing up to a day, and return the new ones; two at the same time make them once."""
    row = session.execute(select(SCHEDULES).where(SCHEDULES.c.id == number).with_for_update()).one()
    found = _schedule(row)
    day = max(first, found.opened_until + timedelta(days=1)) if found.opened_until else first
    made: list[Slot] = []
    while day <= last:
        made += [Slot(_slot_id(found, span), found.id, span) for span in slots_of_day(found, day)]
        day += timedelta(days=1)
    if made:
        session.execute(
            insert(SLOTS),
            [{"id": one.id, "schedule_id": one.schedule_id, "during": to_range(one.span)} for one in made],
        )
    if found.opened_until is None or last > found.opened_until:
        session.execute(update(SCHEDULES).where(SCHEDULES.c.id == number).values(opened_until=last))
    return made


def lock_slots(session: Session, ids: Collection[str]) -> list[Slot]:
    """Lock slots until the transaction ends, always in the same order, so that bookings wait and never deadlock.

    Raises:
        NotFound: one of them does not exist.
    """
    wanted = sorted(set(ids))
    query = select(SLOTS).where(SLOTS.c.id.in_(wanted)).order_by(SLOTS.c.id).with_for_update()
    rows = session.execute(query).all()
    if len(rows) != len(wanted):
        raise NotFound("There is no such slot", fix="Call $find and use a slot that it names.")
    return [Slot(row.id, row.schedule_id, from_range(row.during)) for row in rows]


def slots_between(session: Session, number: str, span: Span, limit: int = 500) -> list[Slot]:
    """The slots of a schedule that begin in a span, each with whether it is free now."""
    query = _with_state().where(
        SLOTS.c.schedule_id == number,
        func.lower(SLOTS.c.during) >= span.start,
        func.lower(SLOTS.c.during) < span.end,
    )
    rows = session.execute(query.order_by(func.lower(SLOTS.c.during)).limit(limit))
    return [Slot(row.id, row.schedule_id, from_range(row.during), row.busy) for row in rows]


def free_slots(session: Session, schedule_ids: Sequence[str], span: Span, limit: int) -> list[Slot]:
    """The earliest free slots of some schedules that begin and end in a span."""
    query = select(SLOTS, literal("free").label("busy")).where(
        SLOTS.c.schedule_id.in_(schedule_ids),
        func.lower(SLOTS.c.during) >= span.start,
        func.upper(SLOTS.c.during) <= span.end,
        ~select(APPOINTMENTS.c.id).where(_stands_on_it()).exists(),
    )
    rows = session.execute(query.order_by(func.lower(SLOTS.c.during), SLOTS.c.schedule_id).limit(limit))
    return [Slot(row.id, row.schedule_id, from_range(row.during), row.busy) for row in rows]


def slots_by_id(session: Session, ids: Collection[str]) -> list[Slot]:
    """Slots as they stand in this transaction, in order of time."""
    rows = session.execute(_with_state().where(SLOTS.c.id.in_(sorted(set(ids)))).order_by(func.lower(SLOTS.c.during)))
    return [Slot(row.id, row.schedule_id, from_range(row.during), row.busy) for row in rows]


def _with_state() -> Select[Any]:
    booked = case((APPOINTMENTS.c.status == "booked", "busy"), else_="busy-tentative")
    taken = select(booked).where(_stands_on_it()).limit(1).scalar_subquery()
    return select(SLOTS, func.coalesce(taken, "free").label("busy"))


def _stands_on_it() -> ColumnElement[bool]:
    """An appointment that stands now has time of the slot; a hold counts until its time, cleared or not."""
    return and_(overlaps(), stands())


def overlaps() -> ColumnElement[bool]:
    """The appointment has time of the slot."""
    return and_(APPOINTMENTS.c.schedule_id == SLOTS.c.schedule_id, APPOINTMENTS.c.during.op("&&")(SLOTS.c.during))


def stands() -> ColumnElement[bool]:
    """The appointment is not cancelled, and its hold, if it is one, has not ended."""
    return and_(
        APPOINTMENTS.c.status != "cancelled",
        or_(APPOINTMENTS.c.held_until.is_(None), APPOINTMENTS.c.held_until > func.clock_timestamp()),
    )


def to_range(span: Span) -> Range[datetime]:
    """A span as PostgreSQL's tstzrange, end excluded."""
    return Range(span.start, span.end, bounds="[)")


def from_range(during: Range[datetime] | TimestamptzRange) -> Span:
    """A stored range as a span; both of its ends are always there."""
    if during.lower is None or during.upper is None:
        raise NotFound("A stored range has no end")
    return Span(during.lower, during.upper)


def _slot_id(found: Schedule, span: Span) -> str:
    return str(uuid5(NAMESPACE_OID, f"{found.id}/{span.start.isoformat()}"))


def _schedule(row: Row[Any]) -> Schedule:
    return Schedule(
        id=row.id,
        name=row.name,
        service=row.service,
        location=row.location,
        zone=row.zone,
        slot=row.slot,
        hours=read_hours(row.hours),
        opened_until=row.opened_until,
    )
