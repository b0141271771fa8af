"""One-time codes: kept as a keyed hash, tried and used up in one statement each."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.gateway.store.resources import COLUMNS, Stored, stored_from
from services.gateway.store.tables import IDENTIFIER, RESOURCE, SIGN_IN_CODE

MOST: Final = 10
"""Patients of one number that are looked at: two hospitals may have given it twice."""

KEPT: Final = timedelta(days=1)
SWEPT: Final = 100
"""Codes long past that one new code clears away."""


def find_patients(session: Session, numbers: Sequence[str]) -> list[Stored]:
    """The patients who have a number, in any of its spellings, from whichever system."""
    holders = select(IDENTIFIER.c.id).where(IDENTIFIER.c.value.in_(numbers), IDENTIFIER.c.type == "Patient")
    query = select(*COLUMNS).where(RESOURCE.c.id.in_(holders)).order_by(RESOURCE.c.id).limit(MOST)
    return [stored_from(row) for row in session.execute(query)]


def keep_code(session: Session, holder: str, hashed: str, lasts: timedelta) -> None:
    """Give a holder a code; an earlier one is good no more."""
    values = {
        "hash": hashed,
        "tries": 0,
        "made_at": func.now(),
        "expires_at": func.now() + lasts,
        "used_at": None,
    }
    row = insert(SIGN_IN_CODE).values(holder=holder, **values)
    session.execute(row.on_conflict_do_update(index_elements=["holder"], set_=values))
    past = select(SIGN_IN_CODE.c.holder).where(SIGN_IN_CODE.c.expires_at < func.now() - KEPT).limit(SWEPT)
    session.execute(delete(SIGN_IN_CODE).where(SIGN_IN_CODE.c.holder.in_(past.with_for_update(skip_locked=True))))


def use_code(session: Session, holder: str, hashed: str, tries: int) -> bool:
    """Try a code: the try is counted, and the right one used up, by the statement that decides.

    Of tries at the same time each waits for the one before and sees what it left (READ COMMITTED).
    """
    statement = (
        update(SIGN_IN_CODE)
        .where(
            SIGN_IN_CODE.c.holder == holder,
            SIGN_IN_CODE.c.used_at.is_(None),
            SIGN_IN_CODE.c.tries < tries,
            SIGN_IN_CODE.c.expires_at > func.now(),
        )
        .values(
            tries=SIGN_IN_CODE.c.tries + 1,
            used_at=case((SIGN_IN_CODE.c.hash == hashed, func.now())),
        )
        .returning(SIGN_IN_CODE.c.used_at)
    )
    row = session.execute(statement).first()
    return row is not None and row.used_at is not None
