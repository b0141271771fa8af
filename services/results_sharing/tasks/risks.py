"""What prediction says of a patient is kept beside the cases; `domain.review.risks_for` says who sees what of it."""

from services.results_sharing import store
from services.results_sharing.fhir.risks import risk_from
from services.results_sharing.store import transaction
from services.results_sharing.tasks.worker import moment, worker
from shared import inbox
from shared.events import Event
from shared.fhir.message import Message


@worker.on(Event.RISK_ESTIMATED)
def take_risk(message: Message) -> None:
    """A figure, or why there is none."""
    _take(message)


@worker.on(Event.FLAG_RAISED)
def take_flag(message: Message) -> None:
    """An unsigned alert for clinicians."""
    _take(message)


@worker.on(Event.FLAG_LOWERED)
def lower_flag(message: Message) -> None:
    """The alert does not hold any more."""
    _take(message)


def _take(message: Message) -> None:
    risk = risk_from(message)
    with transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.take_risk(session, risk)
        store.record(session, moment(message), [])
