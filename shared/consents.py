"""What patients say to analysis by AI, as a service that analyses keeps it: of each Consent only the newest version."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Table, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.fhir.consent import Consent, is_denied

MOST: Final = 200
"""Consents of one patient that are looked at, those given last first."""

CONSENT = Table(
    "consent",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("denies", Boolean, nullable=False),
    Column("starts", DateTime(timezone=True)),
    Column("ends", DateTime(timezone=True)),
)

_THEIRS: Final = (
    select(CONSENT)
    .where(CONSENT.c.patient == bindparam("of_patient"), CONSENT.c.active)
    .order_by(CONSENT.c.given_at.desc(), CONSENT.c.id)
    .limit(MOST)
)
"""Built once: every study asks."""


def keep_consents(session: Session, consents: Iterable[Consent]) -> None:
    """Keep what is newer than what is known; in sorted order, so that two callers never wait for each other."""
    for one in sorted(consents, key=lambda one: one.id):
        row = insert(CONSENT).values(**asdict(one))
        newer = row.on_conflict_do_update(
            index_elements=[CONSENT.c.id],
            set_={column.name: row.excluded[column.name] for column in CONSENT.c if column.name != "id"},
            where=row.excluded.version > CONSENT.c.version,
        )
        session.execute(newer)


def denies_ai(session: Session, patient: str, at: datetime) -> bool:
    """Whether a patient, by the hub's id, denies analysis by AI at a moment."""
    rows = session.execute(_THEIRS, {"of_patient": patient}).all()
    return is_denied((Consent(**row._mapping) for row in rows), at)  # noqa: SLF001 (public, in spite of its name)
