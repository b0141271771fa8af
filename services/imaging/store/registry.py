"""The registry: which models were admitted, where each stands, and who moved it when and why."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Text, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.model import Model
from services.imaging.domain.registry import Entry, Move, Stage
from services.imaging.store.tables import MODEL, MODEL_HISTORY
from shared.errors import Conflict

MOST: Final = 1000
"""Models of one hospital."""

_MODEL: Final = TypeAdapter(Model)
_ENTRIES: Final = (
    select(cast(MODEL.c.facts, Text).label("facts"), MODEL.c.stage, MODEL.c.percent, MODEL.c.changed_at)
    .order_by(MODEL.c.name, MODEL.c.version)
    .limit(MOST)
)
"""Read at every reading, so that a stop acts at once."""


@dataclass(frozen=True)
class Change:
    """One line of a model's history."""

    name: str
    version: str
    before: str | None
    stage: str
    percent: int
    who: str
    why: str
    at: datetime


def models(session: Session, *, lock: bool = False) -> list[Entry]:
    """Every admitted model.

    Args:
        lock: nobody else moves one until this transaction ends.
    """
    if lock:
        session.execute(text("LOCK TABLE model IN SHARE ROW EXCLUSIVE MODE"))
    return [
        Entry(_model(row.facts), Stage(row.stage), row.percent, row.changed_at) for row in session.execute(_ENTRIES)
    ]


@lru_cache(maxsize=MOST)
def _model(facts: str) -> Model:
    """Facts of a package never change, and every study asks for those of all packages."""
    return _MODEL.validate_json(facts)


def add_model(session: Session, model: Model, metadata: dict[str, Any], who: str) -> bool:
    """Record an admitted model, in the shadow; False when this very package is there already.

    Raises:
        Conflict: another package has this name and version.
    """
    row = insert(MODEL).values(
        name=model.name,
        version=model.version,
        digest=model.digest,
        facts=_MODEL.dump_python(model, mode="json"),
        metadata=metadata,
        stage=str(Stage.SHADOW),
        admitted_by=who,
    )
    if session.execute(row.on_conflict_do_nothing().returning(MODEL.c.digest)).one_or_none() is None:
        known = select(MODEL.c.digest).where(MODEL.c.name == model.name, MODEL.c.version == model.version)
        if session.execute(known).scalar_one_or_none() == model.digest:
            return False
        raise Conflict(
            f"Another package is admitted as {model.name} {model.version}",
            fix="Give the new one a new version: a version names one package for good.",
        )
    _remember(session, Move(model, Stage.SHADOW, Stage.SHADOW, 0, "admitted"), who, before=None)
    return True


def move(session: Session, moves: list[Move], who: str) -> None:
    """Bring models to their stages."""
    for each in moves:
        session.execute(
            update(MODEL)
            .where(MODEL.c.name == each.model.name, MODEL.c.version == each.model.version)
            .values(stage=str(each.to), percent=each.percent, changed_at=func.clock_timestamp())
        )
        _remember(session, each, who, before=str(each.before))


def changes(session: Session, name: str, version: str, limit: int = 100) -> list[Change]:
    """The history of a model, the newest first."""
    history = MODEL_HISTORY.c
    query = (
        select(*(history[field.name] for field in fields(Change)))
        .where(history.name == name, history.version == version)
        .order_by(history.id.desc())
        .limit(limit)
    )
    return [Change(**row._mapping) for row in session.execute(query)]  # noqa: SLF001 (SQLAlchemy's public name for it)


def _remember(session: Session, each: Move, who: str, *, before: str | None) -> None:
    session.execute(
        insert(MODEL_HISTORY).values(
            name=each.model.name,
            version=each.model.version,
            before=before,
            stage=str(each.to),
            percent=each.percent,
            who=who,
            why=each.why,
        )
    )
