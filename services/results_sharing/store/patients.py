"""What a patient's page shows: their signed reports with what holds them, and who looked at their data."""

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.looks import Look, look_from
from services.results_sharing.domain.release import Hold
from services.results_sharing.domain.report import Version
from services.results_sharing.store.cases import case_from
from services.results_sharing.store.reports import current_report
from services.results_sharing.store.tables import AUDIT, AUDIT_ABOUT, CASES, HOLDS

_HOLD = [HOLDS.c[name] for name in Hold.__dataclass_fields__]
STUDIES = 1000
"""Studies of one patient whose accesses are looked for."""


@dataclass(frozen=True)
class Signed:
    """A signed case, its current report, and what holds it."""

    case: Case
    version: Version
    hold: Hold | None


def signed_of(session: Session, patient_id: str, limit: int = 50) -> list[Signed]:
    """A patient's signed cases, the newest signature first."""
    query = (
        select(CASES.c.facts, *_HOLD)
        .outerjoin(HOLDS, HOLDS.c.case_id == CASES.c.id)
        .where(CASES.c.patient_id == patient_id, CASES.c.signed_at.is_not(None))
        .order_by(CASES.c.signed_at.desc(), CASES.c.id)
        .limit(limit)
    )
    made = []
    for facts, *held in session.execute(query):
        case = case_from(facts)
        made.append(Signed(case, current_report(session, case.id), Hold(*held) if held[0] else None))
    return made


def hold_of(session: Session, case_id: str) -> Hold | None:
    """What keeps a signed report from its patient, or once did; changes are made under the lock of its case."""
    row = session.execute(select(*_HOLD).where(HOLDS.c.case_id == case_id)).first()
    return Hold(*row) if row else None


def save_hold(session: Session, case_id: str, hold: Hold) -> None:
    """Write it; the case is locked by this transaction."""
    row = insert(HOLDS).values(case_id=case_id, **vars(hold))
    session.execute(row.on_conflict_do_update(index_elements=["case_id"], set_=vars(hold)))


def looks_of(session: Session, patient_id: str, limit: int, before: int | None = None) -> list[Look]:
    """Who looked at a patient's data, the newest first.

    Args:
        before: number of the record after which the list goes on.
    """
    studies = session.scalars(
        select(CASES.c.study_uid).where(CASES.c.patient_id == patient_id, CASES.c.study_uid.is_not(None)).limit(STUDIES)
    )
    about = [f"Patient/{patient_id}", *(f"urn:oid:{uid}" for uid in studies)]
    numbers = select(AUDIT_ABOUT.c.number).where(AUDIT_ABOUT.c.about.in_(about)).distinct()
    if before is not None:
        numbers = numbers.where(AUDIT_ABOUT.c.number < before)
    newest = numbers.order_by(AUDIT_ABOUT.c.number.desc()).limit(limit).subquery()
    query = select(AUDIT.c.number, AUDIT.c.event).join(newest, newest.c.number == AUDIT.c.number)
    rows = session.execute(query.order_by(AUDIT.c.number.desc()))
    return [look_from(row.number, json.loads(row.event), patient_id) for row in rows]
