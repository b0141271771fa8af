"""What models are watched by: each answer in small numbers, the readers' word, and the reference of a package."""

from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, Row, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.drift import Reference
from services.imaging.domain.watching import Decision, Judged, ReaderWord, Watched, present
from services.imaging.store.tables import MODEL, READER_WORD, WATCHED

_KEPT: Final = tuple(WATCHED.c[each.name] for each in fields(Watched))
WEEKS: Final = 26
_WATCH: Final = insert(WATCHED).on_conflict_do_nothing(constraint="watched_once")
"""Built once: every answer runs it."""


def watch(session: Session, watched: Watched) -> None:
    """Keep an answer's numbers, once."""
    kept = {each.name: getattr(watched, each.name) for each in fields(Watched) if each.name != "at"}
    session.execute(_WATCH, kept | {"looks": dict(watched.looks)})


def save_word(session: Session, word: ReaderWord) -> None:
    """Keep what a signer made of an answer; a withdrawal counts whether it is heard before or after."""
    row = insert(READER_WORD).values(
        study=word.study, model=word.model, version=word.version, decision=word.decision, withdrawn=word.withdrawn
    )
    changed = {"withdrawn": True} if word.withdrawn else {"decision": word.decision}
    session.execute(row.on_conflict_do_update(index_elements=[READER_WORD.c.study], set_=changed))


def references(session: Session, name: str, version: str) -> dict[str, Reference]:
    """What a package says about its evaluation's pictures, by statistic; empty when it says nothing."""
    query = select(MODEL.c.metadata["hub"]["reference"]).where(MODEL.c.name == name, MODEL.c.version == version)
    said: dict[str, Any] | None = session.execute(query).scalar_one_or_none()
    if not said:
        return {}
    return {
        statistic: Reference(said["of"], said["n"], tuple(bins["edges"]), tuple(bins["shares"]))
        for statistic, bins in said["statistics"].items()
    }


def recent(session: Session, name: str, version: str, limit: int, since: datetime) -> list[tuple[int, Watched]]:
    """The newest answers of a model with their numbers in the line, the newest first."""
    query = (
        select(WATCHED.c.id, *_KEPT)
        .where(*_of(name, version), WATCHED.c.at >= since)
        .order_by(WATCHED.c.id.desc())
        .limit(limit)
    )
    return [(row.id, _watched(row)) for row in session.execute(query)]


def first_looks(session: Session, name: str, version: str, limit: int) -> list[tuple[int, Watched]]:
    """The first answers of a model at this site for which a picture was looked at."""
    query = (
        select(WATCHED.c.id, *_KEPT)
        .where(*_of(name, version), WATCHED.c.looks != {})
        .order_by(WATCHED.c.id)
        .limit(limit)
    )
    return [(row.id, _watched(row)) for row in session.execute(query)]


def judged(session: Session, name: str, version: str, asked: list[tuple[str, str]], limit: int) -> list[Judged]:
    """Answers on which a signed report has a word, the newest first.

    Args:
        asked: models, by name and version, that look for the same: a word on one of them tells of the finding.
    """
    query = (
        select(*_KEPT, READER_WORD.c.decision, _OTHER.c.flagged.label("other"), _OWN.label("own"))
        .join(READER_WORD, READER_WORD.c.study == WATCHED.c.study)
        .join(
            _OTHER,
            (_OTHER.c.study == READER_WORD.c.study)
            & (_OTHER.c.model == READER_WORD.c.model)
            & (_OTHER.c.version == READER_WORD.c.version),
        )
        .where(
            *_of(name, version),
            WATCHED.c.flagged.is_not(None),
            _OTHER.c.flagged.is_not(None),
            READER_WORD.c.decision.is_not(None),
            READER_WORD.c.withdrawn.is_(False),
        )
        .order_by(WATCHED.c.id.desc())
        .limit(limit)
    )
    same = [(name, version), *asked]
    query = query.where(func.row(READER_WORD.c.model, READER_WORD.c.version).in_(same))
    return [
        Judged(_watched(row), present(row.other, Decision(row.decision)), own=row.own) for row in session.execute(query)
    ]


def pairs(session: Session, shadow: tuple[str, str], answered: tuple[str, str], limit: int) -> list[list[Watched]]:
    """The answer that readers got and the shadow's, of the same studies, the newest first."""
    query = (
        select(*_KEPT, *(_OTHER.c[column.name].label(f"other_{column.name}") for column in _KEPT))
        .join(_OTHER, _OTHER.c.study == WATCHED.c.study)
        .where(
            *_of(*shadow),
            WATCHED.c.stage == "shadow",
            _OTHER.c.model == answered[0],
            _OTHER.c.version == answered[1],
            _OTHER.c.stage != "shadow",
        )
        .order_by(WATCHED.c.id.desc())
        .limit(limit)
    )
    return [[_watched(row, "other_"), _watched(row)] for row in session.execute(query)]


def by_week(session: Session, name: str, version: str) -> list[tuple[date, str, bool, int]]:
    """Week (its Monday), stage, whether it answered, and how many; the last half year, the newest first."""
    week = cast(func.date_trunc("week", WATCHED.c.at), Date)
    answered = WATCHED.c.outcome.in_(["flagged", "not-flagged", "measured"])
    query = (
        select(week.label("week"), WATCHED.c.stage, answered.label("answered"), func.count().label("studies"))
        .where(*_of(name, version), WATCHED.c.at > func.now() - func.make_interval(0, 0, WEEKS))
        .group_by("week", WATCHED.c.stage, "answered")
        .order_by(week.desc())
        .limit(WEEKS * 10)
    )
    return [(row.week, row.stage, row.answered, row.studies) for row in session.execute(query)]


_OTHER: Final = WATCHED.alias("other")
_OWN: Final = (READER_WORD.c.model == WATCHED.c.model) & (READER_WORD.c.version == WATCHED.c.version)


def _of(name: str, version: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return WATCHED.c.model == name, WATCHED.c.version == version


def _watched(row: Row[*tuple[Any, ...]], prefix: str = "") -> Watched:
    return Watched(**{each.name: getattr(row, prefix + each.name) for each in fields(Watched)})
