"""What pages show: the worklist and one case, as one reader may see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.results_sharing.domain.answer import Answer
from services.results_sharing.domain.case import Case
from services.results_sharing.domain.order import Patient
from services.results_sharing.domain.release import Hold
from services.results_sharing.domain.report import Version
from services.results_sharing.domain.review import Review, ai_for, risks_for
from services.results_sharing.domain.risk import Risk
from services.results_sharing.domain.state import State, active_hold, state
from services.results_sharing.domain.worklist import Row, Targets, describe, ordered, row
from services.results_sharing.store.cases import case_from, load, patients_of
from services.results_sharing.store.patients import hold_of
from services.results_sharing.store.reports import reports_of
from services.results_sharing.store.reviews import Agreement, agreement, review_of, reviews_by
from services.results_sharing.store.risks import risks_of
from services.results_sharing.store.tables import CASES
from services.results_sharing.store.timeline import Moment, timeline_of

_TEST = func.coalesce(CASES.c.facts["test"].as_boolean(), False)


@dataclass(frozen=True)
class CaseView:
    """A case for one reader.

    Attributes:
        words, reason: its state as this reader may know it, see `domain.worklist.describe`.
        review: this reader's, None before the first look.
        answer: the model's, None until this reader may see it (or there is none).
        late_answer: a model's answer that came after the signature.
        risks: what prediction says of the patient, as far as this reader may see it.
        site: what readers here made of this model's flags so far; None while the answer is hidden.
        hold: code of the hold that stands.
        versions: signed versions, the newest first.
        release: what keeps the signed report from its patient, or once did.
    """

    case: Case
    patient: Patient | None
    state: State
    words: str
    reason: str | None
    review: Review | None
    answer: Answer | None
    late_answer: Answer | None
    site: Agreement | None
    hold: str | None
    versions: list[Version]
    timeline: list[Moment]
    risks: list[Risk]
    release: Hold | None = None


def worklist(session: Session, reader: str, targets: Targets, now: datetime, limit: int = 500) -> list[Row]:
    """All studies that wait for a reader, in reading order.

    Args:
        reader: account name.
    """
    query = (
        select(CASES.c.facts)
        .where(CASES.c.open, CASES.c.study_uid.is_not(None), ~_TEST)
        .order_by(CASES.c.lane_rank, CASES.c.received_at, CASES.c.id)
        .limit(limit)
    )
    cases = [case_from(facts) for facts in session.execute(query).scalars()]
    return _rows(session, ordered(cases, targets, now), reader, targets, now)


def finished(session: Session, reader: str, targets: Targets, now: datetime, limit: int = 50) -> list[Row]:
    """Cases that wait for no reader: signed, revoked or rejected, the newest first; undelivered ones before all."""
    ended = func.coalesce(CASES.c.signed_at, CASES.c.received_at)
    query = (
        select(CASES.c.facts)
        .where(~CASES.c.open, CASES.c.study_uid.is_not(None), ~_TEST)
        .order_by((CASES.c.state == State.DEAD_LETTERED).desc(), ended.desc(), CASES.c.id)
        .limit(limit)
    )
    cases = [case_from(facts) for facts in session.execute(query).scalars()]
    return _rows(session, cases, reader, targets, now)


def phantoms(session: Session, reader: str, targets: Targets, now: datetime, limit: int = 50) -> list[Row]:
    """Phantoms and test patients, the newest first: seen by whoever looks for them, waiting for nobody."""
    query = (
        select(CASES.c.facts)
        .where(CASES.c.study_uid.is_not(None), _TEST)
        .order_by(CASES.c.received_at.desc(), CASES.c.id)
        .limit(limit)
    )
    cases = [case_from(facts) for facts in session.execute(query).scalars()]
    return _rows(session, cases, reader, targets, now)


def _rows(session: Session, cases: list[Case], reader: str, targets: Targets, now: datetime) -> list[Row]:
    patients, reviews = patients_of(session, cases), reviews_by(session, reader, cases)
    return [row(case, patients.get(case.patient_id or ""), reviews.get(case.id), targets, now) for case in cases]


def case_view(session: Session, case_id: str, reader: str) -> CaseView:
    """One case for one reader.

    Raises:
        NotFound: there is no such case.
    """
    case = load(session, case_id)
    review = review_of(session, case_id, reader)
    answer = case.answer if case.signed else ai_for(case, review)
    words, reason = describe(case, review)
    hold = active_hold(case)
    risks = risks_of(session, case.patient_id)
    site = None
    if answer and answer.model and answer.model_version and answer.flagged is not None:
        site = agreement(session, answer.model, answer.model_version, flagged=answer.flagged)
    return CaseView(
        case=case,
        patient=patients_of(session, [case]).get(case.patient_id or ""),
        state=state(case),
        words=words,
        reason=reason,
        review=review,
        answer=answer,
        late_answer=case.late_answer if case.signed else None,
        site=site,
        hold=hold.code if hold else None,
        versions=reports_of(session, case_id),
        timeline=timeline_of(session, case_id),
        risks=risks if case.signed else risks_for(review, risks),
        release=hold_of(session, case_id) if case.signed else None,
    )
