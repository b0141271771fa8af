"""What the listener has to do: storage commitments to answer, priors to fetch; each is a row until it ended.

A row is leased while it is worked on: nothing is open in the database meanwhile, and a process that dies loses nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.instance import Reference
from services.imaging.store.tables import COMMITMENT, RETRIEVAL

LEASE: Final = timedelta(minutes=10)
"""Longer than an errand takes; after it another process may try."""


class Commitment(NamedTuple):
    """Somebody wants to know whether we hold instances (PS3.4 annex J)."""

    id: int
    peer: str
    transaction: str
    instances: list[Reference]
    attempts: int


class Retrieval(NamedTuple):
    """Priors of a study's patient are wanted."""

    id: int
    study: str
    patient_id: str
    attempts: int


def ask_commitment(session: Session, peer: str, transaction: str, instances: Sequence[Reference]) -> None:
    """Remember what a peer asks; asked again under the same transaction UID, it is answered again."""
    row = insert(COMMITMENT).values(peer=peer, transaction=transaction, instances=[list(one) for one in instances])
    again = {"instances": row.excluded.instances, "due_at": func.now(), "attempts": 0, "ended_at": None, "error": None}
    session.execute(row.on_conflict_do_update(constraint="commitment_once", set_=again))


def ask_retrieval(session: Session, study: str, patient_id: str) -> None:
    """Remember that a study's priors are wanted; once a study."""
    session.execute(insert(RETRIEVAL).values(study=study, patient_id=patient_id).on_conflict_do_nothing())


def lease_commitment(session: Session) -> Commitment | None:
    """The oldest commitment that is due, for us alone for a while."""
    row = _lease(session, COMMITMENT)
    if row is None:
        return None
    instances = [Reference(*one) for one in row.instances]
    return Commitment(row.id, row.peer, row.transaction, instances, row.attempts)


def lease_retrieval(session: Session) -> Retrieval | None:
    """The oldest retrieval that is due, for us alone for a while."""
    row = _lease(session, RETRIEVAL)
    return Retrieval(row.id, row.study, row.patient_id, row.attempts) if row else None


def end_commitment(session: Session, number: int, error: str | None = None) -> None:
    """It was answered, or never will be."""
    _end(session, COMMITMENT, number, error)


def end_retrieval(session: Session, number: int, error: str | None = None) -> None:
    """It was done, or never will be."""
    _end(session, RETRIEVAL, number, error)


def put_off_commitment(session: Session, number: int, delay: timedelta, error: str) -> None:
    """Try again later."""
    _put_off(session, COMMITMENT, number, delay, error)


def put_off_retrieval(session: Session, number: int, delay: timedelta, error: str) -> None:
    """Try again later."""
    _put_off(session, RETRIEVAL, number, delay, error)


def _lease(session: Session, table: Table) -> Row[Any] | None:
    due = (
        select(table.c.id)
        .where(table.c.ended_at.is_(None), table.c.due_at <= func.now())
        .order_by(table.c.due_at, table.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = (
        update(table).where(table.c.id == due).values(due_at=func.now() + LEASE, attempts=table.c.attempts + 1)
    ).returning(*table.c)
    return session.execute(taken).one_or_none()


def _end(session: Session, table: Table, number: int, error: str | None) -> None:
    session.execute(update(table).where(table.c.id == number).values(ended_at=func.now(), error=error))


def _put_off(session: Session, table: Table, number: int, delay: timedelta, error: str) -> None:
    session.execute(update(table).where(table.c.id == number).values(due_at=func.now() + delay, error=error))
