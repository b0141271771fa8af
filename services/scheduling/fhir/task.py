"""What a proposed follow-up asks of staff, as a FHIR Task: one for each proposal, done once they have decided.

Source: http://hl7.org/fhir/R4/task.html
"""

from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.scheduling.domain.appointment import Appointment, Status
from services.scheduling.fhir.resources import instant
from shared.events import Lane

APPROVE: Final = {
    "system": "http://hl7.org/fhir/CodeSystem/task-code",
    "code": "approve",
    "display": "Activate/approve the focal resource",
}
_STATUS: Final = {
    Status.PROPOSED: "requested",
    Status.PENDING: "requested",
    Status.BOOKED: "completed",
    Status.CANCELLED: "cancelled",
}
_PRIORITY: Final = {Lane.STAT: "stat", Lane.URGENT: "urgent", Lane.ROUTINE: "routine"}

Resource = dict[str, Any]


def to_task(appointment: Appointment) -> Resource:
    """The Task of a follow-up."""
    made: Resource = {
        "resourceType": "Task",
        "id": str(uuid5(NAMESPACE_OID, f"{appointment.id}/task")),
        "status": _STATUS[appointment.status],
        "intent": "order",
        "priority": _PRIORITY[appointment.lane],
        "code": {"coding": [APPROVE]},
        "description": "Confirm or refuse the follow-up that a signed report asks for",
        "focus": {"reference": f"Appointment/{appointment.id}", "type": "Appointment"},
        "authoredOn": instant(appointment.created_at),
        "lastModified": instant(max(appointment.created_at, appointment.updated_at)),
        "reasonReference": {"reference": f"DiagnosticReport/{appointment.case_id}", "type": "DiagnosticReport"},
    }
    if patient := appointment.patient:
        made["for"] = {"reference": f"Patient/{patient.id}", "type": "Patient"}
        if patient.value:
            made["for"]["identifier"] = {"system": patient.system, "value": patient.value}
    if appointment.deadline:
        made["restriction"] = {"period": {"end": instant(appointment.deadline)}}
    return made
