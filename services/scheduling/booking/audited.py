"""Accesses, recorded in the transaction that precedes the answer: no commit, no data."""

from collections.abc import Iterable

from services.scheduling.domain.appointment import Appointment
from services.scheduling.store import SERVICE, Session
from shared import audit, sittings, telemetry
from shared.audit import Action, Entity
from shared.security import Principal


def note_act(session: Session, who: Principal, action: Action, appointment: Appointment, detail: str) -> None:
    """Say that somebody held, booked, moved or cancelled."""
    entities = [Entity(reference=f"Patient/{appointment.patient.id}")] if appointment.patient else []
    _record(session, who, action, entities, detail)


def note_look(session: Session, who: Principal, shown: Iterable[Appointment]) -> None:
    """Say whose appointments the caller is about to see: once for each patient in a sitting."""
    things = {f"Patient/{one.patient.id}" for one in shown if one.patient}
    began = sittings.begin(session, who, things)
    if began:
        _record(session, who, "R", [Entity(reference=thing) for thing in began], "read appointments")


def _record(session: Session, who: Principal, action: Action, entities: list[Entity], detail: str) -> None:
    event = audit.audit_event(service=SERVICE, who=who, kind="rest", action=action, entities=entities, detail=detail)
    audit.record(session, event, service=SERVICE, correlation=telemetry.correlation() or who.session)
