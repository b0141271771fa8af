"""Sittings: what a caller has begun to look at lately, so that one sitting is one access in the audit.

A sitting is one person's sign-in, or one system, and one thing; it ends when it has lasted its time.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import Column, DateTime, MetaData, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.security import Principal

LASTS: Final = timedelta(minutes=15)
"""How long one caller's looks at one thing are one access."""

KEPT: Final = timedelta(days=1)
"""How long one that is over is kept."""

SITTING = Table(
    "sitting",
    MetaData(),
    Column("session", Text, primary_key=True),
    Column("thing", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


def begin(session: Session, who: Principal, things: Collection[str]) -> list[str]:
    """The things whose sitting begins now: these are to be audited in this transaction.

    Looks first and writes only then: an upsert would make all requests of a caller wait for each other's commit.

    Args:
        things: such as `Patient/<id>`, or an action and what it is done to.
    """
    if not things:
        return []
    sitting, over = f"{who.audience} {who.session if who.audience == 'user' else who.subject}", func.now() - LASTS
    recent = select(SITTING.c.thing).where(
        SITTING.c.session == sitting, SITTING.c.thing.in_(sorted(things)), SITTING.c.at > over
    )
    began = []
    for thing in sorted(set(things) - set(session.scalars(recent))):
        row = insert(SITTING).values(session=sitting, thing=thing)
        again = row.on_conflict_do_update(
            index_elements=["session", "thing"], set_={"at": func.now()}, where=SITTING.c.at <= over
        )
        if session.execute(again.returning(SITTING.c.thing)).first():
            began.append(thing)
    return began


def purge(session: Session) -> None:
    """Forget sittings that are long over."""
    session.execute(delete(SITTING).where(SITTING.c.at < func.now() - KEPT))
