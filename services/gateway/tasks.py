"""AMQP in: the repository hears what the hub's services made, and keeps it for those who read by FHIR."""

from datetime import UTC, datetime
from typing import Any, Final

from services.gateway import store
from services.gateway.domain.draft import Draft
from services.gateway.domain.search import is_id
from services.gateway.fhir.signed import seen_risks, signed_risk
from shared import inbox
from shared.events import TO_GATEWAY
from shared.fhir.message import Message
from shared.telemetry import log
from shared.worker import Worker

worker = Worker("gateway")
app = worker.app

HUB_MADE: Final = frozenset(
    {
        "Appointment",
        "AuditEvent",
        "Device",
        "DiagnosticReport",
        "Flag",
        "Observation",
        "Provenance",
        "RiskAssessment",
        "Schedule",
        "Slot",
        "Task",
    }
)
"""What is kept of a message; the hospital's own resources came by its own door, and are not overwritten by copies."""


def keep(message: Message) -> None:
    """Store what a service of the hub made, unless something newer is here already."""
    said_at = _said_at(message)
    drafts = [
        Draft(resource, url=url, id=resource["id"], at=f"Bundle.entry[{index}].resource")
        for index, url, resource in _resources(message)
        if resource.get("resourceType") in HUB_MADE and is_id(str(resource.get("id")))
    ]
    with store.transaction() as session:
        if not inbox.claim(session, message.id):
            return
        drafts += _signed(session, message)
        saved = store.take_in(session, drafts, origin="hub", said_at=said_at)
    log.info("resources_kept", source=str(message.event), written=sum(one.changed for one in saved))


def _signed(session: store.Session, message: Message) -> list[Draft]:
    """The risks of a signed report, where the repository still has the very word that its signer saw."""
    found: list[Draft] = []
    for seen in seen_risks(message):
        before = store.find(session, "RiskAssessment", seen.copy)
        living = store.find(session, "RiskAssessment", seen.number)
        if risk := before or (living if living and living.said_at == seen.at else None):
            found.append(Draft(signed_risk(seen, risk.resource), id=seen.copy))
        else:
            log.warning("signed_risk_not_kept", report=seen.report["id"])
    return found


def _said_at(message: Message) -> datetime:
    """When the source said it, by its own clock."""
    return datetime.fromisoformat(message.bundle["timestamp"]).astimezone(UTC)


def _resources(message: Message) -> list[tuple[int, str | None, dict[str, Any]]]:
    return [
        (index, entry.get("fullUrl"), entry["resource"])
        for index, entry in enumerate(message.bundle["entry"])
        if "resource" in entry
    ]


for event in sorted(TO_GATEWAY):
    worker.on(event)(keep)
