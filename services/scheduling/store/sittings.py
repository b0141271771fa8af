"""Sittings: whose data a caller has looked at lately, so that one sitting is one access in the audit."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.scheduling.store.tables import SITTINGS

LASTS: Final = timedelta(minutes=15)
"""How long one caller's looks at one patient are one access."""


def begin_sittings(session: Session, who: str, things: Collection[str]) -> list[str]:
    """The things whose sitting begins now: these are to be audited in this transaction."""
    over = func.now() - LASTS
    recent = select(SITTINGS.c.thing).where(
        SITTINGS.c.session == who, SITTINGS.c.thing.in_(sorted(things)), SITTINGS.c.at > over
    )
    began = []
    for thing in sorted(set(things) - set(session.scalars(recent))):
        row = insert(SITTINGS).values(session=who, thing=thing)
        again = row.on_conflict_do_update(
            index_elements=["session", "thing"], set_={"at": func.now()}, where=SITTINGS.c.at <= over
        )
        if session.execute(again.returning(SITTINGS.c.thing)).first():
            began.append(thing)
    return began
