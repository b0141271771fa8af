"""The worker of results_sharing, and the line in the timeline that every event gets."""

from datetime import UTC, datetime

from services.results_sharing import store
from services.results_sharing.fhir import elements, facts
from services.results_sharing.store import SERVICE, transaction
from shared import inbox
from shared.fhir.message import Message
from shared.worker import Worker

worker = Worker(SERVICE)


def record(message: Message) -> None:
    """Add the event to the timeline of the cases that it is about, if any are known."""
    keys = store.Keys(facts.study_uid_of(message), facts.order_keys_of(message), facts.case_id_of(message))
    with transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.remember(session, facts.patients_from(message))
        known = store.bind(session, keys, message.correlation, datetime.now(UTC), opens=False)
        store.record(session, moment(message), [case.id for case in known])


def moment(message: Message) -> store.Moment:
    """The line of an event in the timeline; nothing of a patient."""
    return store.Moment(
        str(message.event), elements.said_at(message), str(message.lane), message.id, message.correlation
    )
