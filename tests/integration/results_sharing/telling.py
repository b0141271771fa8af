"""Let the service hear messages as its worker would, and look at what it keeps."""

from typing import Any

from services.results_sharing import store
from services.results_sharing.domain.case import Case
from services.results_sharing.store import transaction
from services.results_sharing.tasks import cases, delivery, timeline
from shared.events import Event
from shared.fhir.message import Message

HANDLERS = {
    Event.ORDER_PLACED: cases.open_for_order,
    Event.ORDER_REVOKED: cases.close_for_order,
    Event.STUDY_AVAILABLE: cases.open_for_announcement,
    Event.INSTANCES_STORED: cases.open_for_images,
    Event.STUDY_COMPLETED: cases.lift_hold,
    Event.STUDY_HELD: cases.hold_for_a_human,
    Event.ANALYSIS_COMPLETED: cases.take_answer,
    Event.ANALYSIS_REFUSED: cases.take_refusal,
    Event.ANSWER_DUE: cases.stop_waiting,
    Event.RESOURCE_CHANGED: timeline.take_demographics,
    Event.REPORT_SIGNED: delivery.deliver_signed,
    Event.REPORT_AMENDED: delivery.deliver_amended,
    Event.RESULTS_ACCESS_RECORDED: timeline.audit_own,
    Event.REPORT_DELIVERED: timeline.record_delivery,
    Event.DELIVERY_FAILED: timeline.record_failure,
    Event.CASE_CLOSED: timeline.record_end,
    Event.FOLLOW_UP_PROPOSED: timeline.record_appointment,
    Event.SCHEDULING_ACCESS_RECORDED: timeline.audit_scheduling,
}


def hear(*messages: Message) -> None:
    for message in messages:
        HANDLERS[message.event](message)


def said(sql: Any, event: Event) -> list[Message]:
    """What the service said so far, as the relay would publish it."""
    rows = sql("SELECT body::jsonb -> 0 -> 0 AS bundle FROM outbox WHERE task = %s ORDER BY id", str(event))
    return [Message.from_fhir(row["bundle"]) for row in rows]


def only_case() -> Case:
    with transaction() as session:
        (row,) = session.execute(store.tables.CASES.select()).all()
        return store.load(session, row.id)
