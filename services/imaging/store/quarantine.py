"""Files that were not taken in: why, since when, and what somebody decided about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.instance import Failure
from services.imaging.store.tables import QUARANTINE
from shared.errors import Conflict, NotFound

LISTED = 1000
"""Files that are listed at most, the newest first."""

OPEN = QUARANTINE.c.decision.is_(None)


@dataclass(frozen=True)
class PutAside:
    """One file in quarantine.

    Attributes:
        digest: SHA-256 in hex, under which it lies.
        study: UID, as far as it could be read.
        instance: UID, as far as it could be read.
        decision: released or dropped; None while it waits.
    """

    number: int
    digest: str
    size: int
    reason: Failure
    received_at: datetime
    study: str | None
    instance: str | None
    decision: str | None
    decided_by: str | None


_COLUMNS = (
    QUARANTINE.c.id,
    QUARANTINE.c.digest,
    QUARANTINE.c.size,
    QUARANTINE.c.reason,
    QUARANTINE.c.received_at,
    QUARANTINE.c.study,
    QUARANTINE.c.instance,
    QUARANTINE.c.decision,
    QUARANTINE.c.decided_by,
)


def quarantine(
    session: Session, digest: str, size: int, reason: Failure, *, study: str | None = None, instance: str | None = None
) -> None:
    """Remember a file that was not taken in; one that comes again waits again."""
    known = {"study": study, "instance": instance}
    row = insert(QUARANTINE).values(digest=digest, size=size, reason=str(reason), **known)
    again = {"received_at": func.now(), "decision": None, "decided_by": None, "decided_at": None, **known}
    session.execute(row.on_conflict_do_update(constraint="quarantine_once", set_=again))


def list_put_aside(session: Session, *, decided: bool = False) -> list[PutAside]:
    """What waits, the newest first.

    Args:
        decided: what was decided about before as well.
    """
    query = select(*_COLUMNS).order_by(QUARANTINE.c.received_at.desc(), QUARANTINE.c.id.desc()).limit(LISTED)
    return [_put_aside(row) for row in session.execute(query if decided else query.where(OPEN))]


def find_put_aside(session: Session, number: int, *, lock: bool = False) -> PutAside:
    """One file.

    Args:
        lock: it is to be decided about; nobody else decides meanwhile.

    Raises:
        NotFound: there is none of this number.
        Conflict: it is to be decided about, and was.
    """
    query = select(*_COLUMNS).where(QUARANTINE.c.id == number)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("There is no such file in quarantine", fix="See `hub quarantine list --all`.")
    found = _put_aside(row)
    if lock and found.decision:
        raise Conflict(f"This file was {found.decision} before", fix="See `hub quarantine list`.")
    return found


def decide(session: Session, number: int, decision: str, who: str) -> None:
    """Remember what somebody decided about a file."""
    values = {"decision": decision, "decided_by": who, "decided_at": func.now()}
    session.execute(update(QUARANTINE).where(QUARANTINE.c.id == number).values(**values))


def waits_elsewhere(session: Session, digest: str, number: int) -> bool:
    """Whether the same file waits for another reason too, so that it must stay."""
    query = select(QUARANTINE.c.id).where(QUARANTINE.c.digest == digest, QUARANTINE.c.id != number, OPEN).limit(1)
    return session.execute(query).one_or_none() is not None


def count_put_aside(session: Session) -> dict[str, int]:
    """How many files wait for each reason."""
    query = select(QUARANTINE.c.reason, func.count().label("files")).where(OPEN).group_by(QUARANTINE.c.reason)
    return {row.reason: row.files for row in session.execute(query.order_by(QUARANTINE.c.reason))}


def _put_aside(row: Sequence[object]) -> PutAside:
    number, digest, size, reason, *rest = row
    return PutAside(number, digest, size, Failure(str(reason)), *rest)  # type: ignore[arg-type]  # rows are untyped
