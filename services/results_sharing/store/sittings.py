"""Sittings: who has looked at what since signing in, so that one look is one AuditEvent and not one a click."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.results_sharing.store.tables import SITTINGS


def first_look(session: Session, sitting: str, thing: str) -> bool:
    """Whether this transaction is the first in a sitting to serve a thing, which it must then record."""
    row = insert(SITTINGS).values(session=sitting, thing=thing).on_conflict_do_nothing().returning(SITTINGS.c.thing)
    return session.execute(row).first() is not None
