"""The clinical service level: of the studies accepted, how many had a preliminary result in time; who still waits.

Counted from the cases, so that a study that is stuck counts as well as one that was answered. Each study is judged
once: when its waiting ends, or when its time is up, whichever comes first.
Source: https://sre.google/workbook/implementing-slos/
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, DateTime, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from services.results_sharing.domain.worklist import LANE_ORDER
from services.results_sharing.store.tables import CASES
from shared.events import Lane


@dataclass(frozen=True)
class ServiceLevel:
    """One lane.

    Attributes:
        accepted: studies heard of.
        judged: of them, those whose waiting ended or whose time is up.
        in_time: of the judged, those whose waiting ended in time: by a model's answer, a stated hold, a signature or
            a revocation.
        pending: those that still wait.
        oldest_pending: when the first of them was heard of.
        oldest_flagged: when the first study was heard of that a model flagged and nobody has signed.
    """

    accepted: int = 0
    judged: int = 0
    in_time: int = 0
    pending: int = 0
    oldest_pending: datetime | None = None
    oldest_flagged: datetime | None = None


def service_level(session: Session, now: datetime) -> dict[Lane, ServiceLevel]:
    """Every lane, also those without a study."""
    due, ended = _moment("answer_due_at"), _ended()
    in_time, waits = ended <= due, ended.is_(None)
    flagged = and_(CASES.c.open, CASES.c.facts["answer"]["flagged"].as_string() == "true")
    query = (
        select(
            CASES.c.lane_rank,
            func.count(),
            func.count().filter(or_(in_time, due < now)),
            func.count().filter(in_time),
            func.count().filter(waits),
            func.min(CASES.c.received_at).filter(waits),
            func.min(CASES.c.received_at).filter(flagged),
        )
        .where(CASES.c.study_uid.is_not(None), due.is_not(None))
        .group_by(CASES.c.lane_rank)
    )
    found = {LANE_ORDER[rank]: ServiceLevel(*figures) for rank, *figures in session.execute(query)}
    return {lane: found.get(lane, ServiceLevel()) for lane in LANE_ORDER}


def _ended() -> ColumnElement[datetime]:
    """When a study's waiting ended, by whichever came first."""
    ways = ("answer", "at"), ("late_answer", "at"), ("hold", "at"), ("revoked_at",), ("signed_at",)
    return func.least(*(_moment(*way) for way in ways))


def _moment(*path: str) -> ColumnElement[datetime]:
    return cast(CASES.c.facts[path].as_string(), DateTime(timezone=True))
