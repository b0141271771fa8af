"""Readers' reviews, and how often they agree with each model; never a ranking of readers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pydantic import TypeAdapter
from sqlalchemy import Date, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.review import Review
from services.results_sharing.store.tables import CASES, REVIEWS

_REVIEW = TypeAdapter(Review)


@dataclass(frozen=True)
class Agreement:
    """What readers of signed cases made of a model's answers.

    Attributes:
        week: the Monday it began; None for all time.
        flagged: whether these are decisions on flags, or on *no flag*.
    """

    model: str
    version: str
    flagged: bool
    accepted: int
    corrected: int
    rejected: int
    week: date | None = None

    @property
    def total(self) -> int:
        """All decisions."""
        return self.accepted + self.corrected + self.rejected


def review_of(session: Session, case_id: str, reader: str) -> Review | None:
    """A reader's review of a case, if it was begun."""
    query = select(REVIEWS.c.facts).where(REVIEWS.c.case_id == case_id, REVIEWS.c.reader == reader)
    facts = session.execute(query).scalar_one_or_none()
    return None if facts is None else _REVIEW.validate_python(facts)


def reviews_by(session: Session, reader: str, cases: Iterable[Case]) -> dict[str, Review]:
    """A reader's reviews of cases, by case."""
    ids = [case.id for case in cases]
    query = select(REVIEWS.c.case_id, REVIEWS.c.facts).where(REVIEWS.c.reader == reader, REVIEWS.c.case_id.in_(ids))
    return {row.case_id: _REVIEW.validate_python(row.facts) for row in session.execute(query)}


def save_review(session: Session, case: Case, review: Review) -> None:
    """Write a review; the case is locked by this transaction."""
    answer = case.answer
    values = {
        "model": answer.model if answer else None,
        "model_version": answer.model_version if answer else None,
        "flagged": answer.flagged if answer else None,
        "decision": str(review.decision) if review.decision else None,
        "decided_at": review.decided_at,
        "facts": _REVIEW.dump_python(review, mode="json"),
    }
    row = insert(REVIEWS).values(case_id=case.id, reader=review.reader, **values)
    session.execute(row.on_conflict_do_update(index_elements=[REVIEWS.c.case_id, REVIEWS.c.reader], set_=values))


def agreement(session: Session, model: str, version: str, *, flagged: bool = True) -> Agreement:
    """Decisions so far on one model's flags: accepted of total is its positive predictive value at this site."""
    found = [
        row
        for row in _counted(session, weekly=False)
        if (row.model, row.version, row.flagged) == (model, version, flagged)
    ]
    return found[0] if found else Agreement(model, version, flagged, 0, 0, 0)


def agreement_by_week(session: Session) -> list[Agreement]:
    """Decisions by model and week, the newest week first."""
    return _counted(session, weekly=True)


def _counted(session: Session, *, weekly: bool) -> list[Agreement]:
    week = cast(func.date_trunc("week", REVIEWS.c.decided_at), Date)
    groups = [REVIEWS.c.model, REVIEWS.c.model_version, REVIEWS.c.flagged, *([week] if weekly else [])]
    counts = [func.count().filter(REVIEWS.c.decision == word) for word in ("accept", "correct", "reject")]
    query = (
        select(*groups, *counts)
        .join(CASES, CASES.c.id == REVIEWS.c.case_id)
        .where(REVIEWS.c.decision.is_not(None), REVIEWS.c.flagged.is_not(None), CASES.c.signed_at.is_not(None))
        .group_by(*groups)
        .order_by(*([week.desc()] if weekly else []), REVIEWS.c.model, REVIEWS.c.model_version, REVIEWS.c.flagged)
        .limit(1000)
    )
    made = []
    for row in session.execute(query):
        model, version, flagged = row[:3]
        accepted, corrected, rejected = row[-3:]
        made.append(Agreement(model, version, flagged, accepted, corrected, rejected, row[3] if weekly else None))
    return made
