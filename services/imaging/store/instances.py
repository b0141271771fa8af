"""Instances."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ARRAY, Row, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from services.imaging.domain.instance import Failure, Instance, SeriesCount, Stored
from services.imaging.domain.study import Study
from services.imaging.store.finding import note
from services.imaging.store.studies import begin, study_of
from services.imaging.store.tables import INSTANCE, STUDY
from shared.errors import NotFound

LISTED = 10_000
"""Instances of one study that are listed at most; the largest CT has some thousands."""

_COLUMNS = [INSTANCE.c[field.name] for field in fields(Instance) if field.name != "attributes"]
_SHOWN = (INSTANCE.c.hub_made, INSTANCE.c.series, INSTANCE.c.number, INSTANCE.c.uid)
_OF_STUDY = select(*_COLUMNS).where(INSTANCE.c.study == bindparam("of_study")).order_by(*_SHOWN).limit(LISTED)
"""Built once, as building takes longer than running."""

_FIELDS = [INSTANCE.c[field.name] for field in fields(Instance)]
_CAME = (
    func.jsonb_to_recordset(cast(bindparam("came"), JSONB))
    .table_valued(*(column(each.name, each.type) for each in _FIELDS), name="came")
    .render_derived(with_types=True)
)
_LOCKED = (
    select(STUDY)
    .where(STUDY.c.uid == func.any(bindparam("of_studies", type_=ARRAY(Text))))
    .order_by(STUDY.c.uid)  # in one order: nobody waits in a circle
    .with_for_update()
    .cte("locked")
)
_ADDED = (
    insert(INSTANCE)
    .from_select(_FIELDS, select(*_CAME.c).join(_LOCKED, _LOCKED.c.uid == _CAME.c.study))
    .on_conflict_do_nothing()
    .returning(INSTANCE.c.study, (INSTANCE.c.uid + " " + INSTANCE.c.digest).label("file"))
    .cte("added")
)
_OF_LOCKED = select(func.array_agg(_ADDED.c.file)).where(_ADDED.c.study == _LOCKED.c.uid).scalar_subquery()
_TAKE_IN = select(_LOCKED, func.now().label("asked_at"), _OF_LOCKED.label("added"))
"""Studies are locked and their new instances recorded in one statement, built once."""

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


def take_in(session: Session, instances: Sequence[Instance]) -> tuple[dict[str, Study], list[Known]]:
    """Lock the studies of instances, made when they are new, and record the instances.

    Returns:
        The studies, each as it was before, and what is known of each instance, in order.
    """
    studies, added = _take_in(session, instances)
    if missing := {instance.study for instance in instances} - studies.keys():
        begin(session, list(missing))
        more, new = _take_in(session, [instance for instance in instances if instance.study in missing])
        studies, added = studies | more, added | new
    known = [added.pop((instance.uid, instance.digest), None) for instance in instances]
    old = [instance.uid for instance, new in zip(instances, known, strict=True) if new is None]
    before = _kept(session, old) if old else {}
    return studies, [
        new or _compare(instance, *before[instance.uid]) for instance, new in zip(instances, known, strict=True)
    ]


def add(session: Session, instance: Instance) -> Known:
    """Record an instance and what its study is found by, or say what is known of its UID already."""
    _, [known] = take_in(session, [instance])
    if known.outcome is Stored.NEW:
        note(session, [instance])
    return known


def _take_in(
    session: Session, instances: Sequence[Instance]
) -> tuple[dict[str, Study], dict[tuple[str, str], Known | None]]:
    """As `take_in`, of studies that are there; and (UID, digest) of each instance that is new."""
    came = orjson.dumps([vars(instance) for instance in instances]).decode()
    given = {"came": came, "of_studies": sorted({instance.study for instance in instances})}
    rows = session.execute(_TAKE_IN, given).all()
    files = [file.partition(" ") for row in rows for file in row.added or []]
    return (
        {row.uid: study_of(row) for row in rows},
        {(uid, digest): Known(Stored.NEW, digest) for uid, _, digest in files},
    )


def _kept(session: Session, uids: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """Digest of each of these instances, and whether the hub made it."""
    query = select(INSTANCE.c.uid, INSTANCE.c.digest, INSTANCE.c.hub_made).where(INSTANCE.c.uid.in_(uids))
    return {row.uid: (row.digest, row.hub_made) for row in session.execute(query)}


def _compare(instance: Instance, digest: str, hub_made: bool) -> Known:  # noqa: FBT001 (a column of its row)
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
