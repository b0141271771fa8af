"""What was said last of a patient by each method, so that nothing is said twice and nothing older after newer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.prediction.store.tables import SAYING


@dataclass(frozen=True)
class Saying:
    """The last word of a method on a patient.

    Attributes:
        active: a figure stands, an alert holds.
        digest: of what was said; the same again is not said.
    """

    patient: str
    method: str
    said_at: datetime
    active: bool
    digest: str


def saying_of(session: Session, patient: str, method: str) -> Saying | None:
    """What was said last; the patient is locked."""
    query = select(SAYING).where(SAYING.c.patient == patient, SAYING.c.method == method)
    row = session.execute(query).one_or_none()
    return Saying(**row._mapping) if row else None  # noqa: SLF001 (public in SQLAlchemy, in spite of its name)


def save_saying(session: Session, said: Saying) -> None:
    """Remember it."""
    row = insert(SAYING).values(**vars(said))
    changed = {name: row.excluded[name] for name in ("said_at", "active", "digest")}
    session.execute(row.on_conflict_do_update(index_elements=[SAYING.c.patient, SAYING.c.method], set_=changed))


@dataclass(frozen=True)
class Said:
    """What a method last said, over all patients.

    Attributes:
        active: of the patients, those of whom a figure stands or an alert holds.
    """

    patients: int = 0
    active: int = 0
    last: datetime | None = None


def said_by_method(session: Session) -> dict[str, Said]:
    """For the operator."""
    active = func.count().filter(SAYING.c.active)
    query = select(SAYING.c.method, func.count(), active, func.max(SAYING.c.said_at)).group_by(SAYING.c.method)
    return {method: Said(*figures) for method, *figures in session.execute(query)}
