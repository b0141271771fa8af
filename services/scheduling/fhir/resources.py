"""Schedule, Slot and Appointment as FHIR, for answers and for messages.

Sources: http://hl7.org/fhir/R4/appointment.html, slot.html, schedule.html; IHE ITI Scheduling 1.0 (ihe-sched-appt).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.scheduling.domain.appointment import Appointment, Patient, Slot, Status
from services.scheduling.domain.calendar import Schedule
from shared.events import Lane
from shared.fhir.codes import BASE, REPORT_SYSTEM

APPOINTMENT_SYSTEM: Final = f"{BASE}/NamingSystem/appointment"
SERVICE_SYSTEM: Final = f"{BASE}/CodeSystem/service"
TIME_ZONE: Final = "http://hl7.org/fhir/StructureDefinition/timezone"
_PRIORITY: Final = {Lane.STAT: 1, Lane.URGENT: 3, Lane.ROUTINE: 5}
"""iCalendar's numbers (RFC 5545 3.8.1.9), which Appointment.priority takes: 1 is the most urgent."""

Resource = dict[str, Any]


def to_schedule(schedule: Schedule) -> Resource:
    """The Schedule of a room with its team."""
    return {
        "resourceType": "Schedule",
        "id": schedule.id,
        "extension": [_zone(schedule.zone)],
        "active": True,
        "serviceType": [_service(schedule.service)],
        "actor": [{"type": "Location", "display": schedule.location}],
        "comment": schedule.name,
    }


def to_slot(slot: Slot, schedule: Schedule) -> Resource:
    """A Slot, with whether it is free."""
    return {
        "resourceType": "Slot",
        "id": slot.id,
        "serviceType": [_service(schedule.service)],
        "schedule": {"reference": f"Schedule/{schedule.id}"},
        "status": slot.busy,
        "start": instant(slot.span.start),
        "end": instant(slot.span.end),
    }


def to_offer(slot: Slot, schedule: Schedule) -> Resource:
    """A free slot as `$find` answers it: an Appointment that could be, named by its slot."""
    return {
        "resourceType": "Appointment",
        "id": slot.id,
        "extension": [_zone(schedule.zone)],
        "status": "proposed",
        "serviceType": [_service(schedule.service)],
        "start": instant(slot.span.start),
        "end": instant(slot.span.end),
        "slot": [{"reference": f"Slot/{slot.id}"}],
        "participant": [_place(schedule)],
    }


def to_appointment(appointment: Appointment, schedule: Schedule | None) -> Resource:
    """An Appointment.

    Args:
        schedule: where it is; None while it has no place.
    """
    made: Resource = {
        "resourceType": "Appointment",
        "id": appointment.id,
        "meta": {"versionId": str(appointment.version), "lastUpdated": instant(appointment.updated_at)},
        "identifier": [{"system": APPOINTMENT_SYSTEM, "value": appointment.id}],
        "status": str(appointment.status),
        "priority": _PRIORITY[appointment.lane],
        "created": instant(appointment.created_at),
        "participant": [],
    }
    if appointment.patient:
        made["participant"].append(_patient(appointment.patient, appointment.status))
    if schedule and appointment.span:
        made["extension"] = [_zone(appointment.zone)]
        made["serviceType"] = [_service(schedule.service)]
        made["start"] = instant(appointment.span.start)
        made["end"] = instant(appointment.span.end)
        made["slot"] = [{"reference": f"Slot/{number}"} for number in appointment.slots]
        made["participant"].append(_place(schedule))
    if appointment.deadline:
        made["requestedPeriod"] = [{"start": instant(appointment.created_at), "end": instant(appointment.deadline)}]
    if appointment.case_id:
        report = {"system": REPORT_SYSTEM, "value": appointment.case_id}
        made["supportingInformation"] = [
            {
                "reference": f"DiagnosticReport/{appointment.case_id}",
                "type": "DiagnosticReport",
                "identifier": report,
            }
        ]
    if appointment.status is Status.CANCELLED and appointment.cancel_reason:
        made["cancelationReason"] = {"text": appointment.cancel_reason}
    made["participant"] = made["participant"] or [{"type": [{"text": "patient"}], "status": "needs-action"}]
    return made


def searchset(resources: Sequence[Resource], base: str) -> Resource:
    """The Bundle that every operation answers with."""
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    made: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**made, "entry": entries} if entries else made


def in_message(resource: Resource) -> Resource:
    """The resource as the hub's messages carry it: what it refers to is a `urn:uuid:` (and it has no meta of ours)."""
    linked: Resource = _linked(resource)
    linked.pop("meta", None)
    return linked


def _linked(node: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(node, list):
        return [_linked(one) for one in node]
    if isinstance(node, dict):
        return {
            name: f"urn:uuid:{one.rpartition('/')[2]}" if name == "reference" else _linked(one)
            for name, one in node.items()
        }
    return node


def instant(moment: datetime) -> str:
    """A FHIR instant in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _patient(patient: Patient, status: Status) -> Resource:
    actor: Resource = {"reference": f"Patient/{patient.id}", "type": "Patient"}
    if patient.value:
        actor["identifier"] = {"system": patient.system, "value": patient.value}
    return {"actor": actor, "required": "required", "status": "accepted" if status is Status.BOOKED else "needs-action"}


def _place(schedule: Schedule) -> Resource:
    return {"actor": {"type": "Location", "display": schedule.location}, "required": "required", "status": "accepted"}


def _service(code: str) -> Resource:
    return {"coding": [{"system": SERVICE_SYSTEM, "code": code}]}


def _zone(name: str) -> Resource:
    return {"url": TIME_ZONE, "valueCode": name}
