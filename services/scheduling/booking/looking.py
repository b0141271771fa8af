"""Free time, a day of a schedule, and what waits for staff."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from services.scheduling import store
from services.scheduling.booking.audited import note_look
from services.scheduling.domain.appointment import Appointment, Slot
from services.scheduling.domain.calendar import Schedule, Span, local_day, midnight
from services.scheduling.fhir import messages
from services.scheduling.fhir.messages import Placed
from services.scheduling.fhir.requests import Find, moment
from services.scheduling.settings import settings
from services.scheduling.store import transaction
from shared import outbox
from shared.errors import InvalidResource
from shared.security import Principal

FOLLOW_UP: Final = "follow-up"
"""Service code of the schedules in which follow-ups are proposed."""

CHOICES: Final = 12
"""Free slots that staff are offered at once."""

AT_ONCE: Final = 100
"""Slots said in one message."""


@dataclass(frozen=True)
class Waiting:
    """A follow-up that waits for staff, and where it could be: its held slot first, then the earliest free ones."""

    proposal: Appointment
    choices: list[Placed]
    overdue: bool


@dataclass(frozen=True)
class Day:
    """One local day of one schedule."""

    day: date
    schedule: Schedule | None
    schedules: list[Schedule]
    rows: list[tuple[Slot, Appointment | None]]
    free: list[Placed]
    waiting: list[Waiting]


def open_days(found: list[Schedule], until: datetime) -> None:
    """Make the slots up to a moment (never beyond the horizon) where nobody has looked that far yet, and say them."""
    now = datetime.now(UTC)
    for one in found:
        last = local_day(min(until - datetime.resolution, now + settings().horizon), one.zone)
        if one.opened_until is not None and one.opened_until >= last:
            continue
        with transaction() as session:
            made = [(slot, one) for slot in store.open_until(session, one.id, local_day(now, one.zone), last)]
            for first in range(0, len(made), AT_ONCE):
                outbox.add(session, messages.slots_changed(made[first : first + AT_ONCE], one.id))


def find(wanted: Find) -> list[Placed]:
    """The earliest free slots that fit.

    Raises:
        InvalidResource: the time asked for ends before it begins.
    """
    with transaction() as session:
        known = [
            one
            for one in store.schedules(session)
            if (not wanted.services or one.service in wanted.services)
            and wanted.location.lower() in one.location.lower()
        ]
    spans = {one.id: _span(wanted, one.zone) for one in known}
    if spans:
        open_days(known, max(span.end for span in spans.values()))
    found: list[Placed] = []
    with transaction() as session:
        for one in known:
            found += [(slot, one) for slot in store.free_slots(session, [one.id], spans[one.id], wanted.count)]
    return sorted(found, key=lambda placed: (placed[0].span, placed[1].name))[: wanted.count]


def _span(wanted: Find, zone: str) -> Span:
    start, end = moment(wanted.start, zone, "start"), moment(wanted.end, zone, "end")
    if "T" not in wanted.end:
        end = midnight(date.fromisoformat(wanted.end) + timedelta(days=1), zone)
    if end <= start:
        raise InvalidResource("The time asked for ends before it begins", expression="end")
    return Span(max(start, datetime.now(UTC)), end)


def earliest(until: datetime, limit: int = CHOICES) -> list[Placed]:
    """The earliest free slots for follow-ups; those in time first, and later ones where none is."""
    with transaction() as session:
        known = store.schedules(session, service=FOLLOW_UP)
    now = datetime.now(UTC)
    horizon = now + settings().horizon
    by_id = {one.id: one for one in known}
    for end in dict.fromkeys((max(until, now + timedelta(days=1)), horizon)):
        open_days(known, end)
        with transaction() as session:
            found = store.free_slots(session, list(by_id), Span(now, end), limit)
        if found:
            return [(slot, by_id[slot.schedule_id]) for slot in found]
    return []


def day(who: Principal, wanted: date | None, schedule_id: str | None) -> Day:
    """A day of a schedule and all follow-ups that wait; whose they are is audited in the same transaction."""
    with transaction() as session:
        known = store.schedules(session)
    chosen = next((one for one in known if one.id == schedule_id), known[0] if known else None)
    today = local_day(datetime.now(UTC), chosen.zone) if chosen else datetime.now(UTC).date()
    that = wanted or today
    span = None
    if chosen:
        span = Span(midnight(that, chosen.zone), midnight(that + timedelta(days=1), chosen.zone))
        open_days([chosen], span.end)
    free = earliest(datetime.now(UTC))
    with transaction() as session:
        waiting = store.appointments.proposals(session)
        slots = store.slots_between(session, chosen.id, span) if chosen and span else []
        placed = store.appointments.on_schedule(session, chosen.id, span) if chosen and span else []
        own = {one.id: _own(session, one, known) for one in waiting}
        note_look(session, who, [*waiting, *placed])
    by_slot = {number: one for one in placed for number in one.slots}
    now = datetime.now(UTC)
    return Day(
        day=that,
        schedule=chosen,
        schedules=known,
        rows=[(slot, by_slot.get(slot.id)) for slot in slots],
        free=free,
        waiting=[
            Waiting(one, [*own[one.id], *free], one.deadline is not None and one.deadline < now) for one in waiting
        ],
    )


def _own(session: store.Session, proposal: Appointment, known: list[Schedule]) -> list[Placed]:
    by_id = {one.id: one for one in known}
    slots = store.slots_by_id(session, proposal.slots) if proposal.slots else []
    return [(slot, by_id[slot.schedule_id]) for slot in slots[:1] if slot.schedule_id in by_id]


def appointment(who: Principal, number: str) -> tuple[Appointment, Schedule | None]:
    """One appointment with its schedule, audited.

    Raises:
        NotFound: there is none.
    """
    with transaction() as session:
        found = store.appointments.find(session, number)
        note_look(session, who, [found])
        return found, store.schedule(session, found.schedule_id) if found.schedule_id else None


def schedule_of(found: Appointment) -> Schedule | None:
    """Where an appointment is, for an answer about an act that is audited already."""
    if found.schedule_id is None:
        return None
    with transaction() as session:
        return store.schedule(session, found.schedule_id)


def appointments_of(who: Principal, patient_id: str) -> list[tuple[Appointment, Schedule]]:
    """A patient's appointments, audited; the newest time first."""
    with transaction() as session:
        found = store.appointments.of_patient(session, patient_id)
        note_look(session, who, found)
        by_id = {one.id: one for one in store.schedules(session)}
    return [(one, by_id[one.schedule_id]) for one in found if one.schedule_id in by_id]
