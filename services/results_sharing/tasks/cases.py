"""What events mean for cases: any of them opens one, in any order, and each is taken in once."""

from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram

from services.results_sharing import store
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.facts import (
    Answered,
    AnswerOverdue,
    Fact,
    InstancesStored,
    OrderPlaced,
    OrderRevoked,
    StudyAnnounced,
    StudyCompleted,
    StudyHeld,
    take,
    with_patient,
)
from services.results_sharing.domain.state import State, late_images, state
from services.results_sharing.fhir import answers, elements, facts, messages
from services.results_sharing.settings import settings
from services.results_sharing.store import Session, transaction
from services.results_sharing.tasks.worker import moment, worker
from shared import inbox, outbox
from shared.errors import InvalidResource
from shared.events import Event
from shared.fhir.message import Message

HEARD = Counter("hub_case_studies", "Studies heard of for the first time", ["lane"])
TO_ANSWER = Histogram(
    "hub_time_to_preliminary_result_seconds",
    "From the first sign of a study to a model's answer",
    ["lane"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 3600),
)
NO_ANSWER = Counter("hub_answers_missing", "Studies without a model's answer by their time", ["lane"])
LATE = Counter("hub_case_late_images", "Images that came after a model had looked at their study", ["lane"])
OF_THE_HOSPITAL = frozenset({Event.ORDER_PLACED, Event.STUDY_AVAILABLE})
"""Whose study it is says the hospital; what stands in the pixels is imaging's to compare."""


@worker.on(Event.ORDER_PLACED)
def open_for_order(message: Message) -> None:
    """An order opens a case, or joins the one that its study opened."""
    _take(message, OrderPlaced(facts.order_from(message)))


@worker.on(Event.ORDER_REVOKED)
def close_for_order(message: Message) -> None:
    """A revoked order closes its cases, unless somebody has signed."""
    _take(message, OrderRevoked(elements.said_at(message), facts.order_from(message)))


@worker.on(Event.STUDY_AVAILABLE)
def open_for_announcement(message: Message) -> None:
    """An announced study stands on the worklist before any model has looked."""
    _take(message, StudyAnnounced(facts.study_from(message), message.lane))


@worker.on(Event.INSTANCES_STORED)
def open_for_images(message: Message) -> None:
    """Images may come before their announcement."""
    _take(message, InstancesStored(facts.study_from(message), message.lane))


@worker.on(Event.STUDY_COMPLETED)
def lift_hold(message: Message) -> None:
    """All images are there and the right patient's: an earlier hold is over."""
    _take(message, StudyCompleted(facts.study_from(message), message.lane))


@worker.on(Event.STUDY_HELD)
def hold_for_a_human(message: Message) -> None:
    """No model reads it; a human must look."""
    _take(message, StudyHeld(facts.hold_from(message), facts.study_from(message), message.lane))


@worker.on(Event.ANALYSIS_COMPLETED)
def take_answer(message: Message) -> None:
    """A model answered; after the signature it is a discrepancy that changes nothing."""
    _take(message, Answered(answers.answer_from(message), message.lane))


@worker.on(Event.ANALYSIS_REFUSED)
def take_refusal(message: Message) -> None:
    """A model did not look, and says why."""
    _take(message, Answered(answers.answer_from(message), message.lane))


@worker.on(Event.ANSWER_DUE)
def stop_waiting(message: Message) -> None:
    """No answer by its time: *not analysed*, and a human reads all the same."""
    _take(message, AnswerOverdue())


def _take(message: Message, fact: Fact) -> None:
    """Open or find the cases of an event and let each take it in, once."""
    keys = store.Keys(facts.study_uid_of(message), facts.order_keys_of(message))
    if not (keys.study_uid or keys.order):
        raise InvalidResource("The event names neither a study nor an order", expression="Bundle.entry")
    now = datetime.now(UTC)
    with transaction() as session:
        if not inbox.claim(session, message.id):
            return
        store.remember(session, facts.patients_from(message))
        known = store.bind(session, keys, message.correlation, now, opens=not isinstance(fact, AnswerOverdue))
        taken = [_taken(session, case, fact, message, now) for case in known]
        store.record(session, moment(message), [case.id for case in taken])
    for before, after in zip(known, taken, strict=True):
        _observe(before, after, fact, now)


def _taken(session: Session, case: Case, fact: Fact, message: Message, now: datetime) -> Case:
    taken = take(case, fact)
    if message.event in OF_THE_HOSPITAL and (patient := facts.patient_id_of(message)):
        taken = with_patient(taken, patient, elements.said_at(message))
    if facts.is_test(message):
        taken = replace(taken, test=True)
    if taken.heard_at and taken.answer_due_at is None:
        taken = replace(taken, answer_due_at=now + settings().answer_within)
        outbox.add(session, messages.answer_due(taken), due_at=taken.answer_due_at)
    store.save(session, taken, now)
    if state(taken) is State.REVOKED and state(case) is not State.REVOKED:
        outbox.add(session, messages.case_closed(taken, State.REVOKED))
    return taken


def _observe(before: Case, after: Case, fact: Fact, now: datetime) -> None:
    if after.heard_at and not before.heard_at:
        HEARD.labels(after.lane).inc()
    if isinstance(fact, Answered) and before.answer is None and after.answer and after.heard_at:
        TO_ANSWER.labels(after.lane).observe(max(0.0, (now - after.heard_at).total_seconds()))
    LATE.labels(after.lane).inc(max(0, late_images(after) - late_images(before)))
    if isinstance(fact, AnswerOverdue) and after.answer is None and not after.signed:
        NO_ANSWER.labels(after.lane).inc()
