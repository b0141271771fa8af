"""What callers of the operations send, and the signed report that asks for a follow-up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient

from services.scheduling.domain.appointment import Patient
from shared.events import Event, Lane
from shared.fhir.codes import BASE, REPORT_SYSTEM, correlation_of, study_identifier
from shared.fhir.message import Message
from shared.security import Principal, Role

FHIR = "/appointments/fhir/Appointment"
JSON = {"Content-Type": "application/fhir+json"}
Resource = dict[str, Any]


def tomorrow() -> date:
    return datetime.now(UTC).date() + timedelta(days=1)


def staff(role: Role = Role.SECRETARY) -> Principal:
    return Principal("sam", "Sam", role, None, "user", frozenset(), str(uuid4()))


def offers(client: TestClient, count: int = 10, **more: str) -> list[Resource]:
    query = {"start": tomorrow().isoformat(), "end": tomorrow().isoformat(), "_count": str(count), **more}
    answer = client.get(f"{FHIR}/$find", params=query)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def named(number: str, patient: Patient | None = None) -> Resource:
    made: list[Resource] = [{"name": "appointment-reference", "valueReference": {"reference": f"Appointment/{number}"}}]
    if patient:
        made.append({"name": "patient-resource", "resource": {"resourceType": "Patient", "id": patient.id}})
    return {"resourceType": "Parameters", "parameter": made}


def sent(status: str, number: str | None = None, slots: tuple[str, ...] = (), **more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "Appointment",
        "status": status,
        "participant": [{"status": "accepted", "type": [{"text": "patient"}]}],
    }
    if status != "cancelled":
        resource |= {"start": "2026-11-24T08:00:00Z", "end": "2026-11-24T08:20:00Z"}
    if number:
        resource["id"] = number
    if slots:
        resource["slot"] = [{"reference": f"Slot/{slot}"} for slot in slots]
    parameter = {"name": "appointment-resource", "resource": resource | more}
    return {"resourceType": "Parameters", "parameter": [parameter]}


def post(client: TestClient, operation: str, body: Resource) -> Any:
    return client.post(f"{FHIR}/{operation}", json=body, headers=JSON)


def booked(client: TestClient, number: str, patient: Patient) -> Resource:
    answer = post(client, "$book", named(number, patient))
    assert answer.status_code == 200, answer.text
    found: Resource = answer.json()["entry"][0]["resource"]
    return found


def report(
    patient: Patient, lane: Lane = Lane.STAT, *, accepted: bool = True, status: str = "final", case: str | None = None
) -> Message:
    """A signed report, as results_sharing says it."""
    number = case or str(uuid4())
    uid = "2.25.42"
    said: Resource = {
        "resourceType": "DiagnosticReport",
        "id": number,
        "identifier": [{"system": REPORT_SYSTEM, "value": number}],
        "status": status,
        "code": {"text": "Diagnostic imaging study"},
        "subject": {
            "reference": f"urn:uuid:{patient.id}",
            "identifier": {"system": patient.system, "value": patient.value},
        },
        "imagingStudy": [{"identifier": study_identifier(uid)}],
        "issued": datetime.now(UTC).isoformat(),
        "conclusion": "Consolidation.",
    }
    if accepted:
        code = {"coding": [{"system": "http://snomed.info/sct", "code": "233604007"}]}
        said["extension"] = [{"url": f"{BASE}/StructureDefinition/accepted-finding", "valueCodeableConcept": code}]
    event = Event.REPORT_SIGNED if status == "final" else Event.REPORT_AMENDED
    return Message.build(event, lane, correlation_of(uid), [said])
