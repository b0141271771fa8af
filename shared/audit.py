"""AuditEvents: who looked at what, said in the same transaction, before the data goes out.

Sources: http://hl7.org/fhir/R4/auditevent.html; IHE BALP 1.1; DICOM PS3.15 A.5 (event types).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import uuid4

from sqlalchemy.orm import Session

from shared import outbox
from shared.events import ACCESS_RECORDED, Lane
from shared.fhir.codes import BASE
from shared.fhir.message import Message
from shared.security import Principal

Action = Literal["C", "R", "U", "D", "E"]
"""FHIR audit-event-action: create, read, update, delete, execute."""

Kind = Literal[
    "rest",
    "sign-in",
    "sign-out",
    "refusal",
    "dicom-read",
    "dicom-store",
    "dicom-query",
    "sign",
    "replay",
    "model",
    "quarantine",
]

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "rest": ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"),
    "sign-in": (_DCM, "110122", "Login"),
    "sign-out": (_DCM, "110123", "Logout"),
    "refusal": (_DCM, "110113", "Security Alert"),
    "dicom-read": (_DCM, "110103", "DICOM Instances Accessed"),
    "dicom-query": (_DCM, "110112", "Query"),
    "dicom-store": (_DCM, "110104", "DICOM Instances Transferred"),
    "sign": (f"{BASE}/CodeSystem/audit-event-type", "signature", "Report signed"),
    "quarantine": (f"{BASE}/CodeSystem/audit-event-type", "quarantine", "File in quarantine decided about"),
    "replay": (f"{BASE}/CodeSystem/audit-event-type", "replay", "Dead letter replayed"),
    "model": (f"{BASE}/CodeSystem/audit-event-type", "model", "Model admitted, promoted or stopped"),
}


@dataclass(frozen=True)
class Entity:
    """What was looked at: a reference such as `Patient/<id>`, or a study's `urn:oid:<uid>` as an identifier."""

    reference: str | None = None
    identifier: dict[str, str] | None = None


def audit_event(
    *,
    service: str,
    who: Principal | None,
    kind: Kind,
    action: Action,
    entities: list[Entity],
    outcome: Literal["0", "4", "8"] = "0",
    detail: str | None = None,
) -> dict[str, Any]:
    """The AuditEvent resource.

    Args:
        outcome: 0 success, 4 minor failure (refused), 8 serious failure.
        detail: a word for the human who reads the log; never a patient's value.
    """
    system, code, display = _KINDS[kind]
    agent: dict[str, Any] = {"requestor": True, "name": who.name if who else "anonymous"}
    if who:
        agent["altId"] = who.subject
        if who.role:
            agent["role"] = [{"coding": [{"system": f"{BASE}/CodeSystem/role", "code": str(who.role)}]}]
        agent["who"] = {"reference": who.fhir_user} if who.fhir_user else {"display": who.name}
    made: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(uuid4()),
        "type": {"system": system, "code": code, "display": display},
        "action": action,
        "recorded": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "outcome": outcome,
        "agent": [agent],
        "source": {"site": "hub", "observer": {"display": service}},
    }
    if detail:
        made["outcomeDesc"] = detail
    if entities:
        made["entity"] = [{"what": _what(entity)} for entity in entities]
    return made


def _what(entity: Entity) -> dict[str, Any]:
    if entity.reference:
        return {"reference": entity.reference}
    return {"identifier": entity.identifier}


def record(session: Session, event: dict[str, Any], *, service: str, correlation: str) -> None:
    """Say an AuditEvent: no commit, no data."""
    outbox.add(session, Message.build(ACCESS_RECORDED[service], Lane.ROUTINE, correlation, [event]))
