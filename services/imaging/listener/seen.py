"""What is on record of associations: who was refused, who a sender is to the audit, and figures for the operator."""

from typing import Final

from prometheus_client import Counter, Gauge

from services.imaging import store
from services.imaging.listener.negotiation import Refusal
from shared import audit, sittings
from shared.errors import Unavailable
from shared.security import Principal
from shared.telemetry import log

ANSWERS: Final = Counter("hub_imaging_dimse_answers", "DIMSE requests by command and status", ["command", "status"])
REFUSED: Final = Counter("hub_imaging_dimse_refused", "Associations that were refused, by reason", ["reason"])
OPEN: Final = Gauge("hub_imaging_dimse_associations", "Associations that are open")
COMMITMENTS: Final = Counter("hub_imaging_commitments", "Storage commitments by what became of them", ["outcome"])


def principal(title: str) -> Principal:
    """A sender, as the audit names it: by its AE title."""
    return Principal(title, title, None, None, "system", frozenset(), "")


def note_refusal(caller: str, address: str, refusal: Refusal) -> None:
    """A refused association is on record once a sitting for each caller and address, lest a flood fill the audit."""
    REFUSED.labels(refusal.why).inc()
    title = "".join(letter for letter in caller if letter.isprintable())[:16]
    log.warning("association_refused", caller=title, reason=refusal.why)
    who = principal(title)
    try:
        with store.transaction() as session:
            if sittings.begin(session, who, [f"refused {refusal.why} at {address}"]):
                event = audit.audit_event(
                    service="imaging",
                    who=who,
                    kind="refusal",
                    action="E",
                    entities=[],
                    outcome="4",
                    detail=f"DICOM association: {refusal.why}",
                )
                audit.record(session, event, service="imaging", correlation=str(event["id"]))
    except Unavailable as error:
        log.warning("refusal_not_recorded", reason=error.message)
