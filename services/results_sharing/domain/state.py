"""Where a case stands: every accepted case is in exactly one of six states, and a running one has an end.

running         something without a human is under way: an exam to come (order without study), a model's answer until
                its time, or a signed report on its way until the hospital acknowledges it
awaiting a human  a reader can sign (analysed, not analysed, or no answer in time), or must look at a hold
delivered       the hospital acknowledged the current version of the report
revoked         the hospital took the order back before anybody signed
rejected        a named human closed a held case without a report
dead-lettered   a message of the case lies in this service's dead letters, or its delivery was given up
"""

from datetime import datetime, timedelta
from enum import StrEnum

from services.results_sharing.domain.answer import AiState
from services.results_sharing.domain.case import Case, Hold


class State(StrEnum):
    """What the reconciliation counts."""

    RUNNING = "running"
    AWAITING_HUMAN = "awaiting a human"
    DELIVERED = "delivered"
    REVOKED = "revoked"
    REJECTED = "rejected"
    DEAD_LETTERED = "dead-lettered"


EXAM_WITHIN = timedelta(days=90)
"""An order whose study has not been heard of for this long is stuck: an exam planned later than that is rare."""

DELIVERY_WITHIN = timedelta(hours=27)
"""The retries of a delivery end after 25.2 hours (5 s, 30 s, 2 min, 10 min, 1 h, then hourly for a day)."""

GRACE = timedelta(minutes=2)
"""A delayed message is published and heard within this time, or something is wrong."""


def state(case: Case) -> State:
    """The state of a case as its own facts say; dead letters are counted beside it."""
    if case.delivery.failed:
        return State.DEAD_LETTERED
    if case.signed:
        return State.DELIVERED if case.delivery.acknowledged >= case.signed else State.RUNNING
    if case.resolution and case.resolution.action == "reject":
        return State.REJECTED
    if case.revoked_at:
        return State.REVOKED
    if active_hold(case):
        return State.AWAITING_HUMAN
    return State.RUNNING if ai_state(case) is AiState.RUNNING else State.AWAITING_HUMAN


def running_until(case: Case) -> datetime | None:
    """When a running case must have moved on; beyond it the case is stuck. None when it is not running."""
    if state(case) is not State.RUNNING:
        return None
    if case.signed and case.signed_at:
        return case.signed_at + DELIVERY_WITHIN
    if case.answer_due_at:
        return case.answer_due_at + GRACE
    return case.ordered_at + EXAM_WITHIN if case.ordered_at else None


def is_open(case: Case) -> bool:
    """Whether a reader may still sign or resolve it."""
    return not case.signed and state(case) not in {State.REVOKED, State.REJECTED}


NO_ANSWER = "no answer"
"""Why a study is not analysed when no model answered in time."""

NO_IMAGES = "no images yet"
"""The same, when imaging has not said that it has any."""

ON_HOLD = {
    "wrong-patient": "the images do not belong to the announced patient",
    "incomplete": "not all images arrived in time",
    "unannounced": "images without an announced study",
    "no-images": "the study was announced, its images never came",
}
"""A hold's code in words."""


def active_hold(case: Case) -> Hold | None:
    """The hold that stands: not lifted by a later completion, nor by a human who reads what is there."""
    if case.hold is None or (case.completed_at and case.completed_at >= case.hold.at):
        return None
    if case.resolution and case.resolution.action == "read" and case.resolution.hold == case.hold.code:
        return None
    return case.hold


def ai_state(case: Case) -> AiState:
    """One of the four states of the worklist."""
    if case.answer is not None:
        if case.answer.flagged is None:
            return AiState.NOT_ANALYSED
        return AiState.FLAGGED if case.answer.flagged else AiState.NOT_FLAGGED
    return AiState.NOT_ANALYSED if case.overdue or (case.hold and not case.completed_at) else AiState.RUNNING


def late_images(case: Case) -> int:
    """How many images came after a model had looked: no answer is about them."""
    looked = [said.instances for said in (case.answer, case.late_answer) if said and said.instances is not None]
    if not looked or case.stored is None or case.stored.instances is None:
        return 0
    return max(0, case.stored.instances - max(looked))


def not_analysed_reason(case: Case) -> str | None:
    """Why no model looked, in words; None when one did, or still may."""
    if ai_state(case) is not AiState.NOT_ANALYSED:
        return None
    if case.answer is not None:
        return case.answer.reason or "no reason given"
    if case.hold and not case.completed_at:
        return ON_HOLD.get(case.hold.code, case.hold.code)
    return NO_ANSWER if case.stored or case.completed_at else NO_IMAGES
