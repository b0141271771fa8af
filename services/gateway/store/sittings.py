"""Sittings: which things a caller has begun to look at lately, so that one sitting is one access in the audit."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.gateway.store.tables import SITTING


def begin_sittings(session: Session, who: str, things: Collection[str], lasts: timedelta) -> list[str]:
    """The things whose sitting begins now: these are to be audited in this transaction.

    Looks first and writes only then: an upsert would make all requests of a caller wait for each other's commit.
    """
    if not things:
        return []
    recent = SITTING.c.began_at > func.now() - lasts
    query = select(SITTING.c.thing).where(SITTING.c.session == who, SITTING.c.thing.in_(sorted(things)), recent)
    new = sorted(set(things) - set(session.scalars(query)))
    began: list[str] = []
    for thing in new:
        row = insert(SITTING).values(session=who, thing=thing)
        again = row.on_conflict_do_update(
            index_elements=["session", "thing"],
            set_={"began_at": func.now()},
            where=SITTING.c.began_at <= func.now() - lasts,
        )
        if session.execute(again.returning(SITTING.c.thing)).first():
            began.append(thing)
    return began
