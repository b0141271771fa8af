"""Studies: locked before anything is decided about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.imaging.domain.study import Announcement, Hold, Person, State, Study
from services.imaging.store.tables import REVOKED_ORDER, STUDY
from shared.errors import NotFound
from shared.events import Lane

_UID: BindParameter[str] = bindparam("of_uid")
_FIND = select(STUDY, func.now().label("asked_at")).where(STUDY.c.uid == _UID)
_LOCK = _FIND.with_for_update()
"""Who waited for the lock sees what was committed meanwhile: PostgreSQL reads a locked row anew. Built once."""


def now(session: Session) -> datetime:
    """The time of the database, by which the relay too decides what is due; the clocks of processes differ."""
    return session.execute(select(func.now())).scalar_one()


def lock(session: Session, uid: str, orders: Sequence[str] = ()) -> Study:
    """A study, made when it is new, that no other transaction can decide about until this one ends.

    Args:
        orders: what an announcement says it is based on; locked first, as `revoke` does.
    """
    _one_at_a_time(session, orders)
    row = session.execute(_LOCK, {"of_uid": uid}).one_or_none()
    if row is None:
        begin(session, [uid])
        row = session.execute(_LOCK, {"of_uid": uid}).one()
    return study_of(row)


def begin(session: Session, uids: Sequence[str]) -> None:
    """Make studies that are new."""
    rows = [{"uid": uid, "first_seen_at": func.now()} for uid in sorted(uids)]
    session.execute(insert(STUDY).values(rows).on_conflict_do_nothing())


def find(session: Session, uid: str) -> Study:
    """A study, not locked.

    Raises:
        NotFound: the hub knows none of this UID.
    """
    row = session.execute(_FIND, {"of_uid": uid}).one_or_none()
    if row is None:
        raise NotFound("There is no such study", fix="Send it first.")
    return study_of(row)


def announce(session: Session, announcement: Announcement) -> bool:
    """Keep what the hospital says about a locked study; False when it said something newer before."""
    known = session.execute(select(STUDY.c.version).where(STUDY.c.uid == announcement.uid)).scalar_one()
    if known is not None and known > announcement.version:
        return False
    session.execute(
        update(STUDY)
        .where(STUDY.c.uid == announcement.uid)
        .values(
            lane=str(announcement.lane),
            version=announcement.version,
            expected=announcement.expected,
            orders=list(announcement.orders),
            announced_study=announcement.study,
            announced_patient=announcement.patient,
        )
    )
    revoked = select(REVOKED_ORDER.c.key).where(REVOKED_ORDER.c.key.in_(announcement.orders)).limit(1)
    if session.execute(revoked).one_or_none():
        _revoke_studies(session, announcement.orders)
    return True


def revoke(session: Session, orders: Sequence[str]) -> list[str]:
    """Nothing based on these orders will be read, whether it is here already or still to come.

    Returns:
        The studies that this stops.
    """
    _one_at_a_time(session, orders)
    rows = [{"key": key} for key in orders]
    session.execute(insert(REVOKED_ORDER).values(rows).on_conflict_do_nothing())
    return _revoke_studies(session, orders)


def mark(session: Session, uid: str, state: State) -> None:
    """Set where a locked study stands."""
    session.execute(update(STUDY).where(STUDY.c.uid == uid).values(state=str(state), hold=None))


def hold(session: Session, uid: str, reason: Hold) -> None:
    """Let a locked study await a human."""
    session.execute(update(STUDY).where(STUDY.c.uid == uid).values(state=str(State.HELD), hold=str(reason)))


def arm(session: Session, uid: str, look_at: datetime) -> None:
    """Remember when somebody looks at a locked study again."""
    session.execute(update(STUDY).where(STUDY.c.uid == uid).values(look_at=look_at))


def mark_said(session: Session, uid: str, present: int, at: datetime) -> None:
    """The arrival of so many instances of a locked study is said now."""
    said = update(STUDY).where(STUDY.c.uid == uid).values(said=present, said_at=at, say_at=None)
    session.execute(said)


def say_later(session: Session, uid: str, at: datetime) -> None:
    """The arrival of what came to a locked study is said at a time."""
    session.execute(update(STUDY).where(STUDY.c.uid == uid).values(say_at=at))


def expect_prior(session: Session, uid: str) -> bool:
    """Note that a study is fetched as a prior; False when it is here as a study of its own."""
    row = insert(STUDY).values(uid=uid, first_seen_at=func.now(), prior=True).on_conflict_do_nothing()
    session.execute(row)
    return find(session, uid).is_only_prior()


def study_of(row: Row[Any]) -> Study:
    """A study as its row says, with `asked_at`."""
    return Study(
        uid=row.uid,
        state=State(row.state),
        hold=Hold(row.hold) if row.hold else None,
        lane=Lane(row.lane),
        announcement=_announcement(row),
        first_seen_at=row.first_seen_at,
        last_instance_at=row.last_instance_at,
        look_at=row.look_at,
        present=row.present,
        pictured=frozenset((named["id"], named["issuer"]) for named in row.pictured),
        prior=row.prior,
        asked_at=row.asked_at,
        said=row.said,
        said_at=row.said_at,
        say_at=row.say_at,
        test_subject=row.test_subject,
    )


def _revoke_studies(session: Session, orders: Sequence[str]) -> list[str]:
    open_states = [str(State.RECEIVING), str(State.HELD), str(State.COMPLETE)]
    stopped = (
        update(STUDY)
        .where(STUDY.c.orders.overlap(list(orders)), STUDY.c.state.in_(open_states))
        .values(state=str(State.REVOKED), hold=None)
        .returning(STUDY.c.uid)
    )
    return list(session.execute(stopped).scalars())


def _one_at_a_time(session: Session, orders: Sequence[str]) -> None:
    """An announcement and a revocation of the same order must see each other, whichever commits first."""
    for key in sorted(orders):
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def _announcement(row: Row[Any]) -> Announcement | None:
    if row.announced_study is None:
        return None
    return Announcement(
        uid=row.uid,
        lane=Lane(row.lane),
        version=row.version,
        expected=row.expected,
        persons=frozenset(
            Person(identifier.get("system"), identifier.get("value", ""))
            for identifier in row.announced_patient.get("identifier", [])
        ),
        orders=tuple(row.orders),
        study=row.announced_study,
        patient=row.announced_patient,
    )
