"""The timeline: one line for each event that the hub said, with what tells them apart and nothing of a patient."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.results_sharing.store.tables import TIMELINE

_ADD: Final = insert(TIMELINE).on_conflict_do_nothing()
"""Built once: every event that the hub says runs it."""


@dataclass(frozen=True)
class Moment:
    """One line.

    Attributes:
        at: when the event was said; recorded_at when it was heard here.
    """

    event: str
    at: datetime
    lane: str
    message_id: str
    correlation: str
    recorded_at: datetime | None = None


def record(session: Session, moment: Moment, case_ids: list[str]) -> None:
    """Add a line to each case it is about, or to none; the same message again adds nothing."""
    about: list[str | None] = [*case_ids] or [None]
    for case_id in about:
        row = {
            "message_id": moment.message_id,
            "case_id": case_id,
            "event": moment.event,
            "at": moment.at,
            "lane": moment.lane,
            "correlation": moment.correlation,
        }
        session.execute(_ADD, row)


def timeline_of(session: Session, case_id: str, limit: int = 500) -> list[Moment]:
    """The lines of a case in the order in which things happened."""
    query = (
        select(TIMELINE)
        .where(TIMELINE.c.case_id == case_id, TIMELINE.c.change == 0)
        .order_by(TIMELINE.c.at, TIMELINE.c.id)
        .limit(limit)
    )
    return [
        Moment(row.event, row.at, row.lane, row.message_id, row.correlation, row.recorded_at)
        for row in session.execute(query)
    ]
