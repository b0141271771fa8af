"""The worklist: everything that waits for a reader, what it may say before a first impression, and in which order.

The model may reorder, it may not tell: its category stays hidden from a reader who has not looked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.results_sharing.domain.answer import AiState
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.order import Patient
from services.results_sharing.domain.review import Review
from services.results_sharing.domain.state import ON_HOLD, State, active_hold, ai_state, not_analysed_reason, state
from shared.events import Lane

LANE_ORDER = list(Lane)
"""Most urgent first."""


@dataclass(frozen=True)
class Targets:
    """Within which time a study of each lane is to be reported."""

    stat: timedelta
    urgent: timedelta
    routine: timedelta

    def of(self, lane: Lane) -> timedelta:
        """The target of a lane."""
        return {Lane.STAT: self.stat, Lane.URGENT: self.urgent, Lane.ROUTINE: self.routine}[lane]


@dataclass(frozen=True)
class Row:
    """One line of the worklist.

    Attributes:
        words: the state in words that this reader may see: *ready*, *running*, *not analysed*, after the own first
            impression also *flagged* or *no flag*; *on hold*; for signed cases the way of the report.
        reason: why not analysed or on hold.
        waiting: since the study was first heard of.
        overdue: past its target.
        begun: this reader has given a first impression.
    """

    case_id: str
    lane: Lane
    patient: Patient | None
    accession: str | None
    description: str | None
    order_reason: str | None
    received_at: datetime
    target_at: datetime
    waiting: timedelta
    overdue: bool
    words: str
    reason: str | None
    begun: bool


def row(case: Case, patient: Patient | None, review: Review | None, targets: Targets, now: datetime) -> Row:
    """The line of a case for one reader."""
    received = case.received_at or now
    target = received + targets.of(case.lane)
    words, reason = describe(case, review)
    study, order = case.study, case.order
    return Row(
        case_id=case.id,
        lane=case.lane,
        patient=patient,
        accession=case.accession.value if case.accession else None,
        description=(study.description if study else None) or (order.code if order else None),
        order_reason=order.reason if order else None,
        received_at=received,
        target_at=target,
        waiting=now - received,
        overdue=not case.signed and target < now,
        words=words,
        reason=reason,
        begun=review is not None and review.impression is not None,
    )


def describe(case: Case, review: Review | None) -> tuple[str, str | None]:
    """The state in words that a reader may see, and why."""
    where = state(case)
    hold = active_hold(case)
    if where is State.DEAD_LETTERED:
        return "signed, delivery failed", case.delivery.problem
    if case.signed:
        return ("delivered" if where is State.DELIVERED else "signed, on its way"), case.delivery.problem
    if where in {State.REVOKED, State.REJECTED}:
        return str(where), case.resolution.reason if case.resolution else None
    if hold:
        return "on hold", ON_HOLD.get(hold.code, hold.code)
    answered = ai_state(case)
    may_know = review is not None and (review.impression is not None or review.urgent)
    if answered in {AiState.FLAGGED, AiState.NOT_FLAGGED} and not may_know:
        return "ready", None
    return str(answered), not_analysed_reason(case)


def ordered(cases: list[Case], targets: Targets, now: datetime) -> list[Case]:
    """By priority; inside it the overdue, then the flagged, then the rest, each by waiting time; nothing is hidden."""

    def place(case: Case) -> tuple[int, bool, bool, datetime]:
        received = case.received_at or now
        overdue = received + targets.of(case.lane) < now
        flagged = not overdue and ai_state(case) is AiState.FLAGGED
        return LANE_ORDER.index(case.lane), not overdue, not flagged, received

    return sorted(cases, key=place)
