"""The audit table: AuditEvents of all services in one chain, one appended at a time."""

import json
from collections.abc import Callable, Iterator

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from services.results_sharing.domain.chain import GENESIS, Link, link_hash
from services.results_sharing.domain.looks import about
from services.results_sharing.store.tables import AUDIT, AUDIT_ABOUT

APPENDING = 0x48756202
"""Advisory lock under which the chain grows ("Hub" and a 2)."""


def append_audit(session: Session, event: str, sign: Callable[[str], str]) -> Link:
    """Add one record; others wait until this transaction ends.

    Args:
        event: the AuditEvent as canonical JSON.
        sign: from the record's hash to its signature.
    """
    session.execute(select(func.pg_advisory_xact_lock(APPENDING)))
    last = session.execute(select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).one_or_none()
    number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
    hashed = link_hash(previous, event)
    link = Link(number, event, hashed, sign(hashed))
    session.execute(insert(AUDIT).values(**vars(link)))
    if things := about(json.loads(event)):
        session.execute(insert(AUDIT_ABOUT), [{"about": thing, "number": number} for thing in things])
    return link


def audit_links(session: Session) -> Iterator[Link]:
    """All records from the first on; read in parts, so that a long audit fits in memory."""
    rows = session.execute(
        select(AUDIT).order_by(AUDIT.c.number).execution_options(stream_results=True, yield_per=1000)
    )
    for row in rows:
        yield Link(row.number, row.event, row.hash, row.signature)


def has_audit_hash(session: Session, hashed: str) -> bool:
    """Whether a hash noted earlier is still one of the chain's."""
    return session.execute(select(AUDIT.c.number).where(AUDIT.c.hash == hashed).limit(1)).first() is not None
