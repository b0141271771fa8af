"""Which DICOM objects an answer became, and who is sending them to the archive: one sender a study at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.results import LEASE, Way
from services.imaging.store.tables import RESULT
from shared.errors import Unavailable

_UNSENT = (str(Way.WAITING), str(Way.FAILED))


class Answerer(NamedTuple):
    """Whose answer about which study."""

    study: str
    model: str
    version: str


def add_results(session: Session, answer: Answerer, instances: Sequence[str]) -> None:
    """Remember which instances, by UID, an answer became."""
    row = insert(RESULT).values(**answer._asdict(), instances=list(instances))
    session.execute(row.on_conflict_do_nothing())


def lease_results(session: Session, study: str, owner: str, now: datetime) -> list[str]:
    """What of a locked study the archive does not have yet, by UID, leased to `owner`; nothing when it has all.

    Raises:
        Unavailable: somebody else is sending them.
    """
    waiting = RESULT.c.study == study, RESULT.c.state.in_(_UNSENT)
    query = select(RESULT.c.instances, RESULT.c.lease, RESULT.c.lease_until).where(*waiting)
    rows = session.execute(query.order_by(RESULT.c.made_at)).all()
    if any(row.lease not in {None, owner} and row.lease_until > now for row in rows):
        raise Unavailable("Another worker is sending this study's results")
    session.execute(update(RESULT).where(*waiting).values(lease=owner, lease_until=now + LEASE))
    return [uid for row in rows for uid in row.instances]


def settle_results(session: Session, study: str, owner: str, way: Way, problem: str | None = None) -> bool:
    """How a try of `owner` ended; False when the lease is another's by now.

    Args:
        problem: what was met, in words, never contents.
    """
    stored_at = func.now() if way is Way.STORED else None
    ended = (
        update(RESULT)
        .where(RESULT.c.study == study, RESULT.c.lease == owner)
        .values(state=str(way), problem=problem, lease=None, lease_until=None, stored_at=stored_at)
        .returning(RESULT.c.study)
    )
    return bool(session.execute(ended).all())


def fail_results(session: Session, study: str) -> None:
    """The last retry is over for a locked study: what the archive does not have, it will not get by itself."""
    waiting = RESULT.c.study == study, RESULT.c.state == str(Way.WAITING)
    session.execute(update(RESULT).where(*waiting).values(state=str(Way.FAILED), lease=None, lease_until=None))


def count_results(session: Session) -> dict[str, int]:
    """How many sets of results are how far."""
    query = select(RESULT.c.state, func.count().label("sets")).group_by(RESULT.c.state).order_by(RESULT.c.state)
    return {row.state: row.sets for row in session.execute(query)}
