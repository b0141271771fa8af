"""AMQP in: signed reports propose follow-ups, holds end by themselves, and patients are known by name."""

from services.scheduling import booking, store
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.fhir import reports
from services.scheduling.store import SERVICE
from shared import inbox
from shared.errors import Unavailable
from shared.events import Event
from shared.fhir.message import Message
from shared.worker import Worker

worker = Worker(SERVICE)
app = worker.app


@worker.on(Event.REPORT_SIGNED)
def propose_follow_up(message: Message) -> None:
    """A named human accepted a finding: somebody should see the patient again, and staff decide when."""
    try:
        booking.propose(message.id, reports.signed_from(message))
    except SlotTaken:
        raise Unavailable("Others book the same slot", fix="It is tried again by itself.") from None


@worker.on(Event.REPORT_AMENDED)
def withdraw_follow_up(message: Message) -> None:
    """A report that was entered in error asks for nothing."""
    try:
        booking.forget_report(message.id, reports.signed_from(message))
    except SlotTaken:
        raise Unavailable("Somebody changes the appointment", fix="It is tried again by itself.") from None


@worker.on(Event.HOLD_ENDED)
def release_hold(message: Message) -> None:
    """Nobody booked what was held."""
    try:
        booking.release(message.id, reports.appointment_id(message))
    except SlotTaken:
        raise Unavailable("Somebody changes the appointment", fix="It is tried again by itself.") from None


@worker.on(Event.ORDER_PLACED)
@worker.on(Event.STUDY_AVAILABLE)
@worker.on(Event.RESOURCE_CHANGED)
def remember_patients(message: Message) -> None:
    """Whom staff will call: name and identifier, as the hospital last said."""
    patients = reports.patients_from(message)
    if not patients:
        return
    with store.transaction() as session:
        if inbox.claim(session, message.id):
            store.remember(session, patients)
