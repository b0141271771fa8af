"""What is known of patients: persons and inputs, of each only the newest version, whatever order they come in."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import DateTime, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.prediction.domain.record import Input, Person, Record
from services.prediction.store.tables import INPUT, PERSON
from shared.consents import keep_consents
from shared.fhir.consent import Consent

_INPUT: Final = TypeAdapter(Input)
_PERSON: Final = TypeAdapter(Person)
MOST: Final = 2000
"""Inputs of one patient that are looked at, the newest first; a year of creatinine every six hours is 1,460."""


def now(session: Session) -> datetime:
    """This moment by the database's clock, not the transaction's beginning: it may have waited for another."""
    return session.execute(select(func.clock_timestamp(type_=DateTime(timezone=True)))).scalar_one()


def lock(session: Session, patients: Collection[str]) -> None:
    """Nobody else decides about these patients until this transaction ends; in sorted order."""
    for patient in sorted(patients):
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(patient, 0))))


def take_in(
    session: Session, persons: Iterable[tuple[Person, int]], inputs: Iterable[Input], consents: Sequence[Consent] = ()
) -> set[str]:
    """Keep what is newer than what is known.

    Returns:
        The patients of whom something changed, locked; a Consent's always, since a known one may count no more.
    """
    persons, inputs = list(persons), list(inputs)
    consenting = {one.patient for one in consents}
    about = {person.id for person, _ in persons} | {one.patient for one in inputs} | consenting
    about |= set(_owners(session, inputs).values())
    lock(session, about)
    earlier = _owners(session, inputs)
    lock(session, set(earlier.values()) - about)  # moved to somebody else meanwhile
    keep_consents(session, consents)
    changed = consenting | {person.id for person, version in persons if _keep_person(session, person, version)}
    for one in inputs:
        if _keep_input(session, one):
            changed |= {one.patient, earlier.get(one.id, one.patient)}
    return changed


def _owners(session: Session, inputs: Iterable[Input]) -> dict[str, str]:
    """Whose the inputs are until now."""
    query = select(INPUT.c.id, INPUT.c.patient).where(INPUT.c.id.in_([one.id for one in inputs]))
    return {row.id: row.patient for row in session.execute(query)}


def _keep_person(session: Session, person: Person, version: int) -> bool:
    row = insert(PERSON).values(id=person.id, version=version, facts=_PERSON.dump_python(person, mode="json"))
    newer = row.on_conflict_do_update(
        index_elements=[PERSON.c.id],
        set_={"version": row.excluded.version, "facts": row.excluded.facts},
        where=row.excluded.version > PERSON.c.version,
    )
    return session.execute(newer.returning(PERSON.c.id)).one_or_none() is not None


def _keep_input(session: Session, given: Input) -> bool:
    """A first version that says nothing is not kept; a later one is, since an earlier may still be on its way."""
    if not given.says_something and given.version == 1:
        return False
    row = insert(INPUT).values(
        id=given.id,
        patient=given.patient,
        version=given.version,
        taken_at=max((reading.at for reading in given.readings if reading.at), default=None),
        counts=given.says_something,
        facts=_INPUT.dump_python(given, mode="json"),
    )
    newer = row.on_conflict_do_update(
        index_elements=[INPUT.c.id],
        set_={name: row.excluded[name] for name in ("patient", "version", "taken_at", "counts", "facts")},
        where=row.excluded.version > INPUT.c.version,
    )
    return session.execute(newer.returning(INPUT.c.id)).one_or_none() is not None


def record_of(session: Session, patient: str) -> Record:
    """Everything that is known of a patient; of somebody not told of yet, only the inputs."""
    facts = session.execute(select(PERSON.c.facts).where(PERSON.c.id == patient)).scalar_one_or_none()
    person = Person(patient) if facts is None else _PERSON.validate_python(facts)
    query = (
        select(INPUT.c.facts)
        .where(INPUT.c.patient == patient, INPUT.c.counts)
        .order_by(INPUT.c.taken_at.desc().nulls_first(), INPUT.c.id)
        .limit(MOST)
    )
    inputs = tuple(_INPUT.validate_python(one) for one in session.execute(query).scalars())
    return Record(person, inputs, now(session))
