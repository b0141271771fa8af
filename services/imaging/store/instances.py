"""Instances."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.instance import Failure, Instance, SeriesCount, Stored
from services.imaging.store.finding import note
from services.imaging.store.tables import INSTANCE, STUDY
from shared.errors import NotFound

LISTED = 10_000
"""Instances of one study that are listed at most; the largest CT has some thousands."""

_COLUMNS = [INSTANCE.c[field.name] for field in fields(Instance) if field.name != "attributes"]
_SHOWN = (INSTANCE.c.hub_made, INSTANCE.c.series, INSTANCE.c.number, INSTANCE.c.uid)
_OF_STUDY = select(*_COLUMNS).where(INSTANCE.c.study == bindparam("of_study")).order_by(*_SHOWN).limit(LISTED)
"""Built once, as building takes longer than running."""

_ADDED = (
    insert(INSTANCE)
    .values({field.name: bindparam(f"its_{field.name}") for field in fields(Instance)})
    .on_conflict_do_nothing()
    .returning(INSTANCE.c.uid, INSTANCE.c.study, INSTANCE.c.hub_made)
    .cte("added")
)
_TOUCHED = (
    update(STUDY)
    .where(STUDY.c.uid == _ADDED.c.study, _ADDED.c.hub_made.is_(False))
    .values(last_instance_at=func.now())
    .returning(STUDY.c.uid)
    .cte("touched")
)
_ADD = select(_ADDED.c.uid).add_cte(_TOUCHED)
"""The instance and the time of its study's latest in one statement, built once."""

_SERIES = (
    select(INSTANCE.c.series, func.max(INSTANCE.c.modality), func.count())
    .where(INSTANCE.c.study == bindparam("of_study"), INSTANCE.c.hub_made.is_(False))
    .group_by(INSTANCE.c.series)
    .order_by(INSTANCE.c.series)
    .limit(LISTED)
)


class Known(NamedTuple):
    """What an instance is to us, and the digest of the file that counts for its UID."""

    outcome: Stored | Failure
    digest: str


def add(session: Session, instance: Instance) -> Known:
    """Record an instance of a locked study, or say what is known of its UID already."""
    values = vars(instance) | {"spacing": list(instance.spacing), "attributes": dict(instance.attributes)}
    given = {f"its_{name}": value for name, value in values.items()}
    if session.execute(_ADD, given).one_or_none() is not None:
        note(session, [instance])
        return Known(Stored.NEW, instance.digest)
    query = select(INSTANCE.c.digest, INSTANCE.c.hub_made).where(INSTANCE.c.uid == instance.uid)
    digest, hub_made = session.execute(query).one()
    same = Stored.OURS if hub_made else Stored.DUPLICATE if digest == instance.digest else Failure.CONFLICT
    return Known(same, digest)


def count_series(session: Session, study: str) -> list[SeriesCount]:
    """The series of a study that the hospital's instances make."""
    return [SeriesCount(*row) for row in session.execute(_SERIES, {"of_study": study})]


def find_files(session: Session, uids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """SOP class and digest of each of these instances that is stored."""
    query = select(INSTANCE.c.uid, INSTANCE.c.sop_class, INSTANCE.c.digest).where(INSTANCE.c.uid.in_(uids))
    return {row.uid: (row.sop_class, row.digest) for row in session.execute(query)}


def list_instances(session: Session, study: str, series: str | None = None) -> list[Instance]:
    """The instances of a study, or of one of its series, in the order in which they are shown."""
    query = _OF_STUDY.where(INSTANCE.c.series == series) if series else _OF_STUDY
    return [_instance(row) for row in session.execute(query, {"of_study": study})]


def find_instance(session: Session, study: str, series: str, uid: str) -> Instance:
    """One instance.

    Raises:
        NotFound: there is none of these three UIDs.
    """
    query = select(*_COLUMNS).where(INSTANCE.c.study == study, INSTANCE.c.series == series, INSTANCE.c.uid == uid)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such instance")
    return _instance(row)


def _instance(row: Row[Any]) -> Instance:
    return Instance(**(row._asdict() | {"spacing": tuple(row.spacing)}))
