"""The events that scheduling says; an appointment's have ids made of its version, so that saying one twice is once."""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from services.scheduling.domain.appointment import Appointment, Slot, Status
from services.scheduling.domain.calendar import Schedule
from services.scheduling.fhir.resources import in_message, to_appointment, to_schedule, to_slot
from services.scheduling.fhir.task import to_task
from shared.events import Event, Lane
from shared.fhir.codes import study_identifier
from shared.fhir.message import Message

Resource = dict[str, Any]
Placed = tuple[Slot, Schedule]

_EVENTS = {
    Status.PROPOSED: Event.FOLLOW_UP_PROPOSED,
    Status.BOOKED: Event.APPOINTMENT_BOOKED,
    Status.CANCELLED: Event.APPOINTMENT_CANCELLED,
}


def appointment_changed(
    appointment: Appointment, schedule: Schedule | None, slots: Sequence[Placed], *, decides: bool = True
) -> Message:
    """An appointment is proposed, booked (again: moved) or cancelled.

    Args:
        slots: those that it took or gave up, as they are now.
        decides: it is, or ends, what a proposal asks of staff; what they booked and cancel later was decided before.
    """
    event = _EVENTS[appointment.status]
    asked = [in_message(to_task(appointment))] if appointment.is_follow_up and decides else []
    others = [*_with_schedules(slots), *asked, *_study(appointment)]
    return _said(event, appointment, to_appointment(appointment, schedule), others)


def hold_ended(appointment: Appointment, schedule: Schedule) -> Message:
    """To be heard when a hold is over."""
    return _said(Event.HOLD_ENDED, appointment, to_appointment(appointment, schedule), _study(appointment))


def slots_changed(slots: Sequence[Placed], correlation: str, lane: Lane = Lane.ROUTINE) -> Message:
    """Slots are new, held, or free again."""
    made = _with_schedules(slots)
    focus = [one for one in made if one["resourceType"] == "Slot"]
    others = [one for one in made if one["resourceType"] != "Slot"]
    return Message.build(Event.SLOTS_CHANGED, lane, correlation, focus, others)


def _said(event: Event, appointment: Appointment, resource: Resource, others: Sequence[Resource]) -> Message:
    number = str(uuid5(NAMESPACE_OID, f"{appointment.id}/{appointment.version}/{event}"))
    focus = [in_message(resource)]
    return Message.build(event, appointment.lane, appointment.correlation, focus, others, id=number)


def _with_schedules(slots: Sequence[Placed]) -> list[Resource]:
    schedules = {schedule.id: schedule for _, schedule in slots}
    made = [to_slot(slot, schedule) for slot, schedule in slots]
    return [in_message(one) for one in (*made, *(to_schedule(one) for one in schedules.values()))]


def _study(appointment: Appointment) -> list[Resource]:
    """The study whose report asks for it: by it the case's timeline knows the event."""
    if not appointment.study_uid:
        return []
    made: Resource = {
        "resourceType": "ImagingStudy",
        "id": str(uuid5(NAMESPACE_OID, f"{appointment.study_uid}/study")),
        "status": "available",
        "identifier": [study_identifier(appointment.study_uid)],
    }
    if appointment.patient:
        made["subject"] = {"reference": f"urn:uuid:{appointment.patient.id}"}
    return [made]
