"""Resources as they are stored: found by id, and by what the outside calls them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Row, select, true, tuple_
from sqlalchemy.orm import Session

from services.gateway.domain.draft import Key
from services.gateway.store.rows import given, parameter
from services.gateway.store.tables import IDENTIFIER, RESOURCE


@dataclass(frozen=True)
class Stored:
    """The current version of a resource.

    Attributes:
        origin: `outside` or `hub`.
        said_at: when the hub's own service said it; None for what came from outside.
        digest: SHA-256 of the content without id and version.
        body: the JSON as it is answered.
    """

    id: str
    type: str
    version: int
    last_updated: datetime
    origin: str
    said_at: datetime | None
    patient: str | None
    status: str | None
    preliminary: bool
    digest: bytes
    body: bytes

    @property
    def resource(self) -> dict[str, Any]:
        """The JSON, parsed."""
        return dict(orjson.loads(self.body))


COLUMNS = [RESOURCE.c[name] for name in Stored.__dataclass_fields__]


SHARED_BY = 100
"""How many resources that share an identifier are looked at; from two on it names none of them."""

_PAIRS: Final = given(IDENTIFIER.c.system, IDENTIFIER.c.value)
_HOLDERS: Final = (
    select(IDENTIFIER)
    .where(IDENTIFIER.c.value == _PAIRS.c.value, IDENTIFIER.c.system == _PAIRS.c.system)
    .order_by(IDENTIFIER.c.is_key.desc(), IDENTIFIER.c.id)
    .limit(SHARED_BY)  # also lets the planner take the index: it expects a hundred rows of any JSON
    .lateral("holder")
)
_LOOK: Final = select(
    _HOLDERS.c.type,
    _HOLDERS.c.system,
    _HOLDERS.c.value,
    _HOLDERS.c.id,
    _HOLDERS.c.is_key,
    RESOURCE.c.version.label("current"),
    *COLUMNS,
).select_from(_PAIRS.join(_HOLDERS, true()).outerjoin(RESOURCE, RESOURCE.c.id == _HOLDERS.c.id))


def stored_from(row: Row[Any]) -> Stored:
    """The domain's view of a row of `COLUMNS`."""
    return Stored(**row._mapping)  # noqa: SLF001 (public in SQLAlchemy, in spite of its name)


def find(session: Session, kind: str, number: str) -> Stored | None:
    """A resource by its id."""
    row = session.execute(select(*COLUMNS).where(RESOURCE.c.id == number, RESOURCE.c.type == kind)).first()
    return stored_from(row) if row else None


def find_all(session: Session, numbers: Collection[str]) -> dict[str, Stored]:
    """The resources that exist among some ids."""
    if not numbers:
        return {}
    rows = session.execute(select(*COLUMNS).where(RESOURCE.c.id.in_(sorted(numbers)))).all()
    return {row.id: stored_from(row) for row in rows}


def lock(session: Session, numbers: Collection[str]) -> dict[str, Stored]:
    """The same, held for this transaction; in the order of ids, so that two callers never wait for each other."""
    if not numbers:
        return {}
    query = select(*COLUMNS).where(RESOURCE.c.id.in_(sorted(numbers))).order_by(RESOURCE.c.id).with_for_update()
    return {row.id: stored_from(row) for row in session.execute(query).all()}


def find_of_patient(session: Session, kind: str, patient: str, most: int) -> list[Stored]:
    """The resources of a type about a patient, the newest first."""
    mine = select(*COLUMNS).where(RESOURCE.c.patient == patient, RESOURCE.c.type == kind)
    rows = session.execute(mine.order_by(RESOURCE.c.last_updated.desc(), RESOURCE.c.id).limit(most))
    return [stored_from(row) for row in rows]


def find_by_identifier(session: Session, kind: str, identifiers: Iterable[Key]) -> list[str]:
    """The ids of the resources of a type that carry one of some identifiers, at most two: none, one, or too many."""
    pairs = [(key.system, key.value) for key in identifiers]
    query = (
        select(IDENTIFIER.c.id)
        .where(IDENTIFIER.c.type == kind, tuple_(IDENTIFIER.c.system, IDENTIFIER.c.value).in_(pairs))
        .distinct()
        .limit(2)
    )
    return list(session.scalars(query))


def find_identifiers(session: Session, pairs: Collection[tuple[str, str]]) -> tuple[dict[Key, str], dict[str, Stored]]:
    """Which resources carry the given (system, value) pairs; of several that share one, its owner, else none, is named.

    Returns:
        The id of each identifier, and those resources as they are stored.
    """
    if not pairs:
        return {}, {}
    found: dict[Key, str] = {}
    stored: dict[str, Stored] = {}
    owned: set[Key] = set()
    shared: set[Key] = set()
    rows = parameter([{"system": system, "value": value} for system, value in pairs])
    for row in session.connection().execute(_LOOK, rows):
        key = Key(*row[:3])
        number, is_key, version = row[3:6]
        if version:
            stored[number] = Stored(*row[6:])
        if key in found:
            shared.add(key)
            continue
        found[key] = number
        if is_key:
            owned.add(key)
    return {key: number for key, number in found.items() if key in owned or key not in shared}, stored
