"""Giving a dead letter back to the queue that gave it up: one way for the command line and for the page."""

from shared import audit, db, dead_letters
from shared.events import ACCESS_RECORDED, Lane
from shared.fhir.message import Message
from shared.security import Principal


def replay(service: str, number: int, who: Principal, correlation: str) -> None:
    """Replay a letter, and say in the same transaction who did.

    Raises:
        NotFound: there is no such letter.
        Conflict: it was replayed before, or its body is no text and would only come back.
    """
    event = audit.audit_event(service=service, who=who, kind="replay", action="E", entities=[])
    said = Message.build(ACCESS_RECORDED[service], Lane.ROUTINE, correlation, [event])
    with db.transaction(service) as session:
        dead_letters.replay(session, number, who.subject, said)
