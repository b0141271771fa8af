"""Searches: what studies and series are known by is kept beside them as they come, and matched in SQL.

Source: DICOM PS3.4 C.2.2.2 (matching), PS3.18 10.6 (Search transaction).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ScalarSelect, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.attributes import ATTRIBUTES, STORED, Level
from services.imaging.domain.instance import Instance
from services.imaging.domain.search import Search
from services.imaging.store.matching import matching
from services.imaging.store.tables import INSTANCE, SERIES_FOUND, STUDY_FOUND

NAMELESS: Final = "\n"
"""The names of a study whose patient has none."""

_LEVELS: Final = {
    level: frozenset(attribute.tag for attribute in STORED if attribute.level is level) for level in Level
}
_ADD_STUDY: Final = insert(STUDY_FOUND).on_conflict_do_nothing()
_ADD_SERIES: Final = insert(SERIES_FOUND).on_conflict_do_nothing()
_ORDERS: Final = {
    Level.STUDY: (STUDY_FOUND.c.study_date.desc(), STUDY_FOUND.c.study_time.desc(), STUDY_FOUND.c.uid),
    Level.SERIES: (SERIES_FOUND.c.number.asc().nulls_last(), SERIES_FOUND.c.uid),
    Level.INSTANCE: (INSTANCE.c.number.asc().nulls_last(), INSTANCE.c.uid),
}


@dataclass(frozen=True)
class Match:
    """A study, series or instance that a search found.

    Attributes:
        series: empty for a study.
        instance: empty for a study or series.
        attributes: tag → element in DICOM JSON, of its own level and those above.
        counted: tag → value or values of what no file says.
    """

    study: str
    series: str
    instance: str
    attributes: dict[str, Any]
    counted: dict[str, Any]


def note(session: Session, instances: Sequence[Instance]) -> None:
    """Keep what new instances of one locked study are found by; the first of a study and of a series describe it."""
    for instance in {instance.series: instance for instance in reversed(instances)}.values():
        split = split_levels(instance.attributes)
        study, series = split[Level.STUDY], split[Level.SERIES]
        session.execute(_ADD_STUDY, {"uid": instance.study, **keys_of(study), "attributes": study})
        described = {"study": instance.study, "uid": instance.series, "attributes": series}
        number = first_value(series, "00200011")
        session.execute(_ADD_SERIES, described | {"modality": instance.modality, "number": number})


def list_unindexed(session: Session, limit: int, after: str = "") -> list[tuple[str, str]]:
    """UID and digest of instances that came before searches did, in the order of their UIDs."""
    query = select(INSTANCE.c.uid, INSTANCE.c.digest).where(INSTANCE.c.attributes.is_(None), INSTANCE.c.uid > after)
    return [(row.uid, row.digest) for row in session.execute(query.order_by(INSTANCE.c.uid).limit(limit))]


def describe(session: Session, instance: Instance) -> None:
    """Keep what an instance is found by that is stored already, and complete what is known of its study and series."""
    split = split_levels(instance.attributes)
    of_instance = INSTANCE.c.uid == instance.uid
    session.execute(update(INSTANCE).where(of_instance).values(attributes=dict(instance.attributes)))
    study, series = split[Level.STUDY], split[Level.SERIES]
    richer = (STUDY_FOUND.c.uid == instance.study, STUDY_FOUND.c.patient_name == NAMELESS)
    session.execute(update(STUDY_FOUND).where(*richer).values(**keys_of(study), attributes=study))
    number = {"number": first_value(series, "00200011")}
    same = (SERIES_FOUND.c.study == instance.study, SERIES_FOUND.c.uid == instance.series)
    session.execute(update(SERIES_FOUND).where(*same).values(**number, attributes=series))


def search(session: Session, asked: Search, study: str | None = None, series: str | None = None) -> list[Match]:
    """One match more than the limit, when there are more.

    Args:
        study: in which to look; None for all.
        series: of this study; None for all.
    """
    counted = [each for each in ATTRIBUTES if each.tag in _COUNTED and asked.answers(each)]
    query = _QUERIES[asked.level].add_columns(*(_COUNTED[each.tag].label(each.tag) for each in counted))
    query = query.where(*(matching(condition) for condition in asked.conditions))
    if study:
        query = query.where(STUDY_FOUND.c.uid == study)
    if series:
        query = query.where(SERIES_FOUND.c.uid == series)
    orders = [order for level in Level if level <= asked.level for order in _ORDERS[level]]
    rows = session.execute(query.order_by(*orders).limit(asked.limit + 1).offset(asked.offset)).mappings()
    return [
        Match(
            study=row["study"],
            series=row.get("series", ""),
            instance=row.get("instance", ""),
            attributes={**row["of_study"], **row.get("of_series", {}), **(row.get("of_instance") or {})},
            counted={each.tag: row[each.tag] for each in counted},
        )
        for row in rows
    ]


def split_levels(attributes: Any) -> dict[Level, dict[str, Any]]:  # noqa: ANN401 (a mapping of DICOM JSON)
    """The attributes of each level."""
    return {level: {tag: attributes[tag] for tag in sorted(attributes) if tag in _LEVELS[level]} for level in Level}


def keys_of(study: dict[str, Any]) -> dict[str, str]:
    """What a study is found by most, as columns; names in upper case, each group of a name between line ends."""
    names = [group for name in study.get("00100010", {}).get("Value", []) for group in name.values()]
    return {
        "study_date": str(first_value(study, "00080020") or ""),
        "study_time": str(first_value(study, "00080030") or ""),
        "accession": str(first_value(study, "00080050") or ""),
        "patient_id": str(first_value(study, "00100020") or ""),
        "patient_name": "".join(f"\n{name.upper().rstrip('^')}" for name in names) + NAMELESS,
    }


def first_value(attributes: dict[str, Any], tag: str) -> Any:  # noqa: ANN401 (any JSON)
    """The first value of an element, if it has one."""
    return next(iter(attributes.get(tag, {}).get("Value", [])), None)


_OF_SERIES: Final = and_(INSTANCE.c.study == SERIES_FOUND.c.study, INSTANCE.c.series == SERIES_FOUND.c.uid)
_EACH_SERIES: Final = SERIES_FOUND.alias("each_series")
_EACH: Final = INSTANCE.alias("each_instance")


def _counted(what: Any, *conditions: Any) -> ScalarSelect[Any]:  # noqa: ANN401 (SQLAlchemy's expressions)
    return select(what).where(*conditions).scalar_subquery()


_COUNTED: Final = {
    "00080061": _counted(
        func.array_agg(_EACH_SERIES.c.modality.distinct()),
        _EACH_SERIES.c.study == STUDY_FOUND.c.uid,
        _EACH_SERIES.c.modality != "",
    ),
    "00080062": _counted(func.array_agg(_EACH.c.sop_class.distinct()), _EACH.c.study == STUDY_FOUND.c.uid),
    "00201206": _counted(func.count(_EACH_SERIES.c.uid), _EACH_SERIES.c.study == STUDY_FOUND.c.uid),
    "00201208": _counted(func.count(_EACH.c.uid), _EACH.c.study == STUDY_FOUND.c.uid),
    "00201209": _counted(
        func.count(_EACH.c.uid), _EACH.c.study == SERIES_FOUND.c.study, _EACH.c.series == SERIES_FOUND.c.uid
    ),
    "00083002": INSTANCE.c.transfer_syntax,
}
_STUDIES: Final = select(STUDY_FOUND.c.uid.label("study"), STUDY_FOUND.c.attributes.label("of_study"))
_SERIES: Final = _STUDIES.add_columns(
    SERIES_FOUND.c.uid.label("series"), SERIES_FOUND.c.attributes.label("of_series")
).join(SERIES_FOUND, SERIES_FOUND.c.study == STUDY_FOUND.c.uid)
_INSTANCES: Final = _SERIES.add_columns(
    INSTANCE.c.uid.label("instance"), INSTANCE.c.attributes.label("of_instance")
).join(INSTANCE, _OF_SERIES)
_QUERIES: Final[dict[Level, Select[Any]]] = {
    Level.STUDY: _STUDIES,
    Level.SERIES: _SERIES,
    Level.INSTANCE: _INSTANCES,
}
