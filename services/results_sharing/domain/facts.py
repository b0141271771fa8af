"""What events say about a case, and how a case takes it in: any order of the same facts gives the same case."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case, Hold
from services.results_sharing.domain.order import Order, Study
from shared.events import Lane


@dataclass(frozen=True)
class OrderPlaced:
    """The hospital asks for an exam."""

    order: Order


@dataclass(frozen=True)
class OrderRevoked:
    """The hospital takes it back."""

    at: datetime
    order: Order


@dataclass(frozen=True)
class StudyAnnounced:
    """The hospital says that the study can be read."""

    study: Study
    lane: Lane


@dataclass(frozen=True)
class InstancesStored:
    """Imaging has pixels of it."""

    study: Study
    lane: Lane


@dataclass(frozen=True)
class StudyCompleted:
    """Imaging has all pixels, of the right patient."""

    study: Study
    lane: Lane


@dataclass(frozen=True)
class StudyHeld:
    """Imaging lets no model read it."""

    hold: Hold
    study: Study
    lane: Lane


@dataclass(frozen=True)
class Answered:
    """A model answered, or said why not."""

    answer: Answer
    lane: Lane


@dataclass(frozen=True)
class AnswerOverdue:
    """The time for an answer is over."""


Fact = (
    OrderPlaced
    | OrderRevoked
    | StudyAnnounced
    | InstancesStored
    | StudyCompleted
    | StudyHeld
    | Answered
    | AnswerOverdue
)


class _Dated(Protocol):
    @property
    def at(self) -> datetime: ...


Dated = TypeVar("Dated", bound=_Dated)


def later(one: Dated | None, other: Dated | None) -> Dated | None:
    """The newer of two statements; equally old ones are told apart by their content, so that order never matters."""
    known = [statement for statement in (one, other) if statement is not None]
    return max(known, key=lambda statement: (statement.at, repr(statement)), default=None)


def take(case: Case, fact: Fact) -> Case:  # noqa: PLR0911 (one return a fact)
    """The case after a fact."""
    match fact:
        case OrderPlaced(order):
            return replace(case, order=later(case.order, order), ordered_at=_first(case.ordered_at, order.at))
        case OrderRevoked(at, order):
            ordered = replace(case, order=later(case.order, order), ordered_at=_first(case.ordered_at, order.at))
            return replace(ordered, revoked_at=_first(case.revoked_at, at))
        case StudyAnnounced(study, lane):
            return replace(_heard(case, study.at, lane), announced=later(case.announced, study))
        case InstancesStored(study, lane):
            return replace(_heard(case, study.at, lane), stored=later(case.stored, study))
        case StudyCompleted(study, lane):
            heard = replace(_heard(case, study.at, lane), stored=later(case.stored, study))
            return replace(heard, completed_at=_last(case.completed_at, study.at))
        case StudyHeld(hold, study, lane):
            heard = replace(_heard(case, study.at, lane), stored=later(case.stored, study))
            return replace(heard, hold=later(case.hold, hold))
        case Answered(answer, lane):
            heard = _heard(case, answer.at, lane)
            if case.signed:
                return replace(heard, late_answer=later(case.late_answer, answer))
            return replace(heard, answer=later(case.answer, answer))
        case AnswerOverdue():
            return case if case.signed else replace(case, overdue=True)


def with_patient(case: Case, patient_id: str, at: datetime) -> Case:
    """The case as the hospital last said whose it is."""
    if case.patient_id and case.patient_at and (case.patient_at, case.patient_id) >= (at, patient_id):
        return case
    return replace(case, patient_id=patient_id, patient_at=at)


def merge(case: Case, half: Case) -> Case:
    """Put what a half-case knew into the case that it turned out to be; the half had no study and so no review."""
    owned = with_patient(case, half.patient_id, half.patient_at) if half.patient_id and half.patient_at else case
    return replace(
        owned,
        keys=case.keys | half.keys,
        order=later(case.order, half.order),
        ordered_at=_first(case.ordered_at, half.ordered_at),
        revoked_at=_first(case.revoked_at, half.revoked_at),
        test=case.test or half.test,
    )


def _heard(case: Case, at: datetime, lane: Lane) -> Case:
    """The study made itself known; its most urgent lane counts until the order is known."""
    urgent = min(case.lane_seen, lane, key=list(Lane).index)
    return replace(case, heard_at=_first(case.heard_at, at), lane_seen=urgent)


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _last(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
