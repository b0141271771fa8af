"""Events that change no case: their line in the timeline, newer demographics, and the audit's chain."""

from collections.abc import Callable

from services.results_sharing import signing, store
from services.results_sharing.domain.report import canonical_json
from services.results_sharing.settings import settings
from services.results_sharing.store import transaction
from services.results_sharing.tasks.worker import moment, record, worker
from shared import inbox
from shared.events import Event
from shared.fhir.message import Message


def _sign(hashed: str) -> str:
    return signing.sign(settings().audit_key_file, hashed)


@worker.on(Event.RESOURCE_CHANGED)
def take_demographics(message: Message) -> None:
    """A newer Patient replaces what is known of one."""
    record(message)


@worker.on(Event.RESULTS_DUE)
@worker.on(Event.RESULTS_MADE)
@worker.on(Event.RESULTS_STORED)
@worker.on(Event.SHADOW_DUE)
@worker.on(Event.VOLUME_DUE)
@worker.on(Event.QUIET_PERIOD_ENDED)
def record_quiet_period(message: Message) -> None:
    """For the timeline."""
    record(message)


@worker.on(Event.REPORT_DELIVERED)
def record_delivery(message: Message) -> None:
    """For the timeline."""
    record(message)


@worker.on(Event.DELIVERY_FAILED)
def record_failure(message: Message) -> None:
    """For the timeline."""
    record(message)


@worker.on(Event.CASE_CLOSED)
def record_end(message: Message) -> None:
    """For the timeline."""
    record(message)


@worker.on(Event.FOLLOW_UP_PROPOSED)
@worker.on(Event.APPOINTMENT_BOOKED)
@worker.on(Event.APPOINTMENT_CANCELLED)
@worker.on(Event.SLOTS_CHANGED)
@worker.on(Event.HOLD_ENDED)
def record_appointment(message: Message) -> None:
    """For the timeline."""
    record(message)


@worker.on(Event.SCHEDULING_ACCESS_RECORDED)
def audit_scheduling(message: Message, *, sign: Callable[[str], str] = _sign) -> None:
    """Keep what scheduling says of who looked."""
    _audit(message, sign)


@worker.on(Event.GATEWAY_ACCESS_RECORDED)
def audit_gateway(message: Message, *, sign: Callable[[str], str] = _sign) -> None:
    """Keep what the gateway says of who looked."""
    _audit(message, sign)


@worker.on(Event.IMAGING_ACCESS_RECORDED)
def audit_imaging(message: Message, *, sign: Callable[[str], str] = _sign) -> None:
    """Keep what imaging says of who looked."""
    _audit(message, sign)


@worker.on(Event.PREDICTION_ACCESS_RECORDED)
def audit_prediction(message: Message, *, sign: Callable[[str], str] = _sign) -> None:
    """Keep what prediction says of who acted on it."""
    _audit(message, sign)


@worker.on(Event.RESULTS_ACCESS_RECORDED)
def audit_own(message: Message, *, sign: Callable[[str], str] = _sign) -> None:
    """Keep what this service says of who looked."""
    _audit(message, sign)


def _audit(message: Message, sign: Callable[[str], str]) -> None:
    with transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.record(session, moment(message), [])
        for event in message.resources("AuditEvent"):
            store.append_audit(session, canonical_json(event), sign)
