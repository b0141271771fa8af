"""Reports on their way to the hospital: how many, for how long, and what the last try met."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, and_, cast, func, not_, select
from sqlalchemy.orm import Session

from services.results_sharing.store.tables import CASES


@dataclass(frozen=True)
class Deliveries:
    """Signed reports that the hospital has not acknowledged in their current version.

    Attributes:
        due: still tried.
        failed: given up until a human replays.
        oldest: when the first of the due ones was signed.
        problem: what the last try of the oldest of all met, in words; never contents.
    """

    due: int
    failed: int
    oldest: datetime | None
    problem: str | None


def deliveries(session: Session) -> Deliveries:
    """All of them, counted."""
    way = CASES.c.facts["delivery"]
    behind = cast(way["acknowledged"].as_string(), Integer) < cast(CASES.c.facts["signed"].as_string(), Integer)
    failed = way["failed"].as_string() == "true"
    pending = and_(CASES.c.signed_at.is_not(None), behind)
    counts = select(
        func.count().filter(not_(failed)), func.count().filter(failed), func.min(CASES.c.signed_at).filter(not_(failed))
    )
    due, given_up, oldest = session.execute(counts.where(pending)).one()
    said = select(way["problem"].as_string()).where(pending, way["problem"].as_string().is_not(None))
    problem = session.execute(said.order_by(CASES.c.signed_at).limit(1)).scalar_one_or_none()
    return Deliveries(due, given_up, oldest, problem)
