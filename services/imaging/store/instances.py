"""Instances."""

from dataclasses import fields

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.instance import Failure, Instance, Stored
from services.imaging.store.finding import note
from services.imaging.store.tables import INSTANCE, STUDY
from shared.errors import NotFound

LISTED = 10_000
"""Instances of one study that are listed at most; the largest CT has some thousands."""

_COLUMNS = [INSTANCE.c[field.name] for field in fields(Instance) if field.name != "attributes"]
_ADD = insert(INSTANCE).on_conflict_do_nothing().returning(INSTANCE.c.uid)
_SHOWN = (INSTANCE.c.hub_made, INSTANCE.c.series, INSTANCE.c.number, INSTANCE.c.uid)
_OF_STUDY = select(*_COLUMNS).where(INSTANCE.c.study == bindparam("of_study")).order_by(*_SHOWN).limit(LISTED)
"""Built once, as building takes longer than running."""


def add(session: Session, instance: Instance) -> Stored | Failure:
    """Record an instance of a locked study, or say what is known of its UID already."""
    if session.execute(_ADD, vars(instance)).one_or_none():
        note(session, [instance])
        if not instance.hub_made:
            arrived = update(STUDY).where(STUDY.c.uid == instance.study).values(last_instance_at=func.now())
            session.execute(arrived)
        return Stored.NEW
    query = select(INSTANCE.c.digest, INSTANCE.c.hub_made).where(INSTANCE.c.uid == instance.uid)
    digest, hub_made = session.execute(query).one()
    if hub_made:
        return Stored.OURS
    return Stored.DUPLICATE if digest == instance.digest else Failure.CONFLICT


def list_instances(session: Session, study: str, series: str | None = None) -> list[Instance]:
    """The instances of a study, or of one of its series, in the order in which they are shown."""
    query = _OF_STUDY.where(INSTANCE.c.series == series) if series else _OF_STUDY
    return [Instance(*row) for row in session.execute(query, {"of_study": study})]


def find_instance(session: Session, study: str, series: str, uid: str) -> Instance:
    """One instance.

    Raises:
        NotFound: there is none of these three UIDs.
    """
    query = select(*_COLUMNS).where(INSTANCE.c.study == study, INSTANCE.c.series == series, INSTANCE.c.uid == uid)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such instance")
    return Instance(*row)
