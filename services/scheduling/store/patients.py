"""Patients as this service knows them: a copy of what the hospital last said."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.scheduling.domain.appointment import Patient
from services.scheduling.store.tables import PATIENTS


def remember(session: Session, patients: Collection[tuple[Patient, datetime]]) -> None:
    """Keep what the hospital says of patients, each with when it said so; nothing older replaces it."""
    for patient, at in sorted(patients, key=lambda one: one[0].id):
        values = {
            "system": patient.system,
            "value": patient.value,
            "name": patient.name,
            "birth_date": patient.birth_date,
            "at": at,
        }
        row = insert(PATIENTS).values(id=patient.id, **values)
        session.execute(
            row.on_conflict_do_update(index_elements=[PATIENTS.c.id], set_=values, where=PATIENTS.c.at < at)
        )


def patient(session: Session, number: str | None, identifiers: Collection[tuple[str, str]] = ()) -> Patient | None:
    """A patient by the hub's id, or by an identifier of the hospital."""
    known: list[ColumnElement[bool]] = [PATIENTS.c.id == number] if number else []
    known += [and_(PATIENTS.c.system == system, PATIENTS.c.value == value) for system, value in identifiers]
    if not known:
        return None
    row = session.execute(select(PATIENTS).where(or_(*known)).order_by(PATIENTS.c.at.desc()).limit(1)).first()
    return None if row is None else Patient(row.id, row.system, row.value, row.name, row.birth_date)
