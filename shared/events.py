"""The hub's events, their lanes, and who hears what; mirrors `contracts/asyncapi.yaml`.

An event's name is the Celery task name that hears it, its AsyncAPI channel and its `MessageHeader.eventCoding`.
"""

from enum import StrEnum
from typing import Final


class Lane(StrEnum):
    """How urgent a message is: each lane has a queue of its own in each service."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"


class Event(StrEnum):
    """Something that happened, in the past tense, said by the service before the dot."""

    ORDER_PLACED = "gateway.order-placed"
    ORDER_REVOKED = "gateway.order-revoked"
    STUDY_AVAILABLE = "gateway.study-available"
    RESOURCE_CHANGED = "gateway.resource-changed"
    GATEWAY_ACCESS_RECORDED = "gateway.access-recorded"

    INSTANCES_STORED = "imaging.instances-stored"
    QUIET_PERIOD_ENDED = "imaging.quiet-period-ended"
    SHADOW_DUE = "imaging.shadow-due"
    STUDY_COMPLETED = "imaging.study-completed"
    STUDY_HELD = "imaging.study-held"
    ANALYSIS_COMPLETED = "imaging.analysis-completed"
    ANALYSIS_REFUSED = "imaging.analysis-refused"
    VOLUME_DUE = "imaging.volume-due"
    RESULTS_DUE = "imaging.results-due"
    RESULTS_MADE = "imaging.results-made"
    RESULTS_STORED = "imaging.results-stored"
    IMAGING_ACCESS_RECORDED = "imaging.access-recorded"

    RISK_ESTIMATED = "prediction.risk-estimated"
    FLAG_RAISED = "prediction.flag-raised"
    FLAG_LOWERED = "prediction.flag-lowered"
    PREDICTION_ACCESS_RECORDED = "prediction.access-recorded"

    ANSWER_DUE = "results_sharing.answer-due"
    REPORT_SIGNED = "results_sharing.report-signed"
    REPORT_AMENDED = "results_sharing.report-amended"
    REPORT_DELIVERED = "results_sharing.report-delivered"
    DELIVERY_FAILED = "results_sharing.delivery-failed"
    CASE_CLOSED = "results_sharing.case-closed"
    RESULTS_ACCESS_RECORDED = "results_sharing.access-recorded"

    FOLLOW_UP_PROPOSED = "scheduling.follow-up-proposed"
    APPOINTMENT_BOOKED = "scheduling.appointment-booked"
    APPOINTMENT_CANCELLED = "scheduling.appointment-cancelled"
    SLOTS_CHANGED = "scheduling.slots-changed"
    HOLD_ENDED = "scheduling.hold-ended"
    SCHEDULING_ACCESS_RECORDED = "scheduling.access-recorded"


ACCESS_RECORDED: Final = {
    "gateway": Event.GATEWAY_ACCESS_RECORDED,
    "imaging": Event.IMAGING_ACCESS_RECORDED,
    "prediction": Event.PREDICTION_ACCESS_RECORDED,
    "results_sharing": Event.RESULTS_ACCESS_RECORDED,
    "scheduling": Event.SCHEDULING_ACCESS_RECORDED,
}
"""The event by which each service says who looked at what."""

TO_GATEWAY: Final = frozenset(
    {
        Event.ANALYSIS_COMPLETED,
        Event.ANALYSIS_REFUSED,
        Event.IMAGING_ACCESS_RECORDED,
        Event.RISK_ESTIMATED,
        Event.FLAG_RAISED,
        Event.FLAG_LOWERED,
        Event.PREDICTION_ACCESS_RECORDED,
        Event.REPORT_SIGNED,
        Event.REPORT_AMENDED,
        Event.REPORT_DELIVERED,
        Event.RESULTS_ACCESS_RECORDED,
        Event.FOLLOW_UP_PROPOSED,
        Event.APPOINTMENT_BOOKED,
        Event.APPOINTMENT_CANCELLED,
        Event.SLOTS_CHANGED,
        Event.SCHEDULING_ACCESS_RECORDED,
    }
)

TO_IMAGING: Final = frozenset(
    {
        Event.ORDER_REVOKED,
        Event.STUDY_AVAILABLE,
        Event.RESOURCE_CHANGED,
        Event.STUDY_COMPLETED,
        Event.QUIET_PERIOD_ENDED,
        Event.SHADOW_DUE,
        Event.VOLUME_DUE,
        Event.RESULTS_DUE,
        Event.RESULTS_MADE,
        Event.REPORT_SIGNED,
        Event.REPORT_AMENDED,
    }
)

TO_PREDICTION: Final = frozenset({Event.ORDER_PLACED, Event.STUDY_AVAILABLE, Event.RESOURCE_CHANGED})
TO_SCHEDULING: Final = frozenset(
    {
        Event.ORDER_PLACED,
        Event.STUDY_AVAILABLE,
        Event.RESOURCE_CHANGED,
        Event.REPORT_SIGNED,
        Event.REPORT_AMENDED,
        Event.HOLD_ENDED,
    }
)

SUBSCRIPTIONS: Final[dict[str, frozenset[Event]]] = {
    "gateway": TO_GATEWAY,
    "imaging": TO_IMAGING,
    "prediction": TO_PREDICTION,
    "results_sharing": frozenset(Event),
    "scheduling": TO_SCHEDULING,
}
"""Which service hears which event; results_sharing hears all, for the timeline and the audit."""

APART: Final[dict[str, dict[str, frozenset[Event]]]] = {
    "imaging": {
        "results": frozenset({Event.RESULTS_DUE, Event.RESULTS_MADE}),
        "volumes": frozenset({Event.VOLUME_DUE}),
        "shadow": frozenset({Event.SHADOW_DUE}),
    }
}
"""Work of a service that its other work must never wait for: queues of its own, and workers for them alone.

A stat worker may consume such queues of *stat* beside its own (imaging's volumes)."""

EVENTS_EXCHANGE: Final = "hub.events"
UNROUTED: Final = "hub.unrouted"
DEAD_LETTERS_EXCHANGE: Final = "hub.dead-letters"


def routing_key(event: Event, lane: Lane) -> str:
    """The topic under which an event travels, for example `imaging.study-completed.stat`."""
    return f"{event}.{lane}"


def queue_of(service: str, lane: Lane, event: Event | None = None) -> str:
    """The work queue of a service for a lane, for example `imaging.stat`; of work apart `imaging.results.stat`."""
    for work, events in APART.get(service, {}).items():
        if event in events:
            return f"{service}.{work}.{lane}"
    return f"{service}.{lane}"


def queues_of(service: str) -> list[str]:
    """Every work queue of a service."""
    apart = [min(events) for events in APART.get(service, {}).values()]
    return [queue_of(service, lane, event) for event in (None, *apart) for lane in Lane]


def dead_letters_of(service: str) -> str:
    """The queue of a service's dead letters."""
    return f"{service}.dead-letters"
