"""Appointments: found, locked and written; the exclusion constraint is the last guard, after the slots' row locks."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.scheduling.domain.appointment import Appointment, Patient, Slot, Status
from services.scheduling.domain.calendar import Span
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.store.schedules import from_range, overlaps, stands, to_range
from services.scheduling.store.tables import APPOINTMENTS, PATIENTS, SLOTS
from shared.errors import NotFound
from shared.events import Lane

_COLUMNS = (APPOINTMENTS, PATIENTS.c.name.label("patient_name"), PATIENTS.c.birth_date)


def find(session: Session, number: str) -> Appointment:
    """An appointment, not locked.

    Raises:
        NotFound: there is none with this id.
    """
    found = find_if_there(session, number)
    if found is None:
        raise NotFound("There is no such appointment", fix="Search for it.")
    return found


def find_if_there(session: Session, number: str) -> Appointment | None:
    """An appointment, not locked; None where the id names none."""
    row = session.execute(_query().where(APPOINTMENTS.c.id == number)).first()
    return None if row is None else _appointment(row)


def lock(session: Session, seen: Appointment) -> Appointment:
    """Lock an appointment after its slots.

    Raises:
        SlotTaken: it has other slots than those that were locked, so somebody moved it meanwhile.
    """
    query = _query().where(APPOINTMENTS.c.id == seen.id).with_for_update(of=APPOINTMENTS)
    now = _appointment(session.execute(query).one())
    if set(now.slots) - set(seen.slots):
        raise SlotTaken
    return now


def save(session: Session, appointment: Appointment) -> None:
    """Write an appointment as it is now."""
    values = _values(appointment)
    row = insert(APPOINTMENTS).values(**values)
    session.execute(row.on_conflict_do_update(index_elements=[APPOINTMENTS.c.id], set_=values))
    session.flush()


def require_free(session: Session, slot_ids: Collection[str], own: str | None = None) -> None:
    """A look at slots: most losers of a race for one end here.

    Args:
        own: the appointment that may have them.

    Raises:
        SlotTaken: an appointment that stands has time of one.
    """
    query = (
        select(APPOINTMENTS.c.id)
        .join(SLOTS, overlaps())
        .where(SLOTS.c.id.in_(sorted(slot_ids)), APPOINTMENTS.c.id != (own or ""), stands())
        .limit(1)
    )
    if session.execute(query).first():
        raise SlotTaken


def ended_on(session: Session, slots: Collection[Slot]) -> list[Appointment]:
    """Appointments whose hold on these slots has ended and is not yet cleared; the slots are locked."""
    query = (
        _query()
        .join(SLOTS, overlaps())
        .where(
            SLOTS.c.id.in_(sorted(slot.id for slot in slots)),
            APPOINTMENTS.c.status != "cancelled",
            APPOINTMENTS.c.held_until <= func.clock_timestamp(),
        )
    )
    return list({found.id: found for found in map(_appointment, session.execute(query))}.values())


def on_schedule(session: Session, schedule_id: str, span: Span, limit: int = 500) -> list[Appointment]:
    """What stands in a span of a schedule, in order of time."""
    query = (
        _query()
        .where(APPOINTMENTS.c.schedule_id == schedule_id, APPOINTMENTS.c.during.op("&&")(to_range(span)), stands())
        .order_by(func.lower(APPOINTMENTS.c.during))
        .limit(limit)
    )
    return [_appointment(row) for row in session.execute(query)]


def proposals(session: Session, limit: int = 100) -> list[Appointment]:
    """Follow-ups that wait for staff, the earliest deadline first."""
    query = _query().where(APPOINTMENTS.c.status == "proposed").order_by(APPOINTMENTS.c.deadline, APPOINTMENTS.c.id)
    return [_appointment(row) for row in session.execute(query.limit(limit))]


def proposed_counts(session: Session) -> tuple[int, int]:
    """How many follow-ups wait for staff, and how many of them beyond their deadline."""
    late = func.count().filter(APPOINTMENTS.c.deadline < func.now())
    row = session.execute(select(func.count(), late).where(APPOINTMENTS.c.status == "proposed")).one()
    return int(row[0]), int(row[1])


def of_case(session: Session, case_id: str) -> Appointment | None:
    """The follow-up of a signed report."""
    row = session.execute(_query().where(APPOINTMENTS.c.case_id == case_id)).first()
    return None if row is None else _appointment(row)


def of_patient(session: Session, patient_id: str, limit: int = 100) -> list[Appointment]:
    """A patient's appointments that are or were booked, the newest time first."""
    query = _query().where(
        APPOINTMENTS.c.patient_id == patient_id,
        APPOINTMENTS.c.during.is_not(None),
        APPOINTMENTS.c.status.in_(["booked", "cancelled"]),
    )
    return [
        _appointment(row)
        for row in session.execute(query.order_by(func.lower(APPOINTMENTS.c.during).desc()).limit(limit))
    ]


def _query() -> Select[Any]:
    return select(*_COLUMNS).select_from(APPOINTMENTS.outerjoin(PATIENTS, PATIENTS.c.id == APPOINTMENTS.c.patient_id))


def _values(appointment: Appointment) -> dict[str, Any]:
    whom = appointment.patient
    return {
        "id": appointment.id,
        "status": str(appointment.status),
        "zone": appointment.zone,
        "correlation": appointment.correlation,
        "lane": str(appointment.lane),
        "version": appointment.version,
        "created_at": appointment.created_at,
        "updated_at": appointment.updated_at,
        "schedule_id": appointment.schedule_id,
        "slots": list(appointment.slots),
        "during": to_range(appointment.span) if appointment.span else None,
        "patient_id": whom.id if whom else None,
        "patient_system": whom.system if whom else None,
        "patient_value": whom.value if whom else None,
        "held_until": appointment.held_until,
        "deadline": appointment.deadline,
        "held_by": appointment.held_by,
        "case_id": appointment.case_id,
        "study_uid": appointment.study_uid,
        "cancel_reason": appointment.cancel_reason,
    }


def _appointment(row: Row[Any]) -> Appointment:
    whom = None
    if row.patient_id:
        name = row.patient_name or ""
        whom = Patient(row.patient_id, row.patient_system or "", row.patient_value or "", name, row.birth_date)
    return Appointment(
        id=row.id,
        status=Status(row.status),
        zone=row.zone,
        correlation=row.correlation,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
        schedule_id=row.schedule_id,
        slots=tuple(row.slots),
        span=from_range(row.during) if row.during else None,
        patient=whom,
        held_until=row.held_until,
        held_by=row.held_by,
        deadline=row.deadline,
        lane=Lane(row.lane),
        case_id=row.case_id,
        study_uid=row.study_uid,
        cancel_reason=row.cancel_reason,
    )
