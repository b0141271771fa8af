"""Proof that every accepted case is somewhere: counted twice, by what was accepted and by where cases stand.

Accepted comes from the timeline (opened minus joined) and from letters that never became a case; the states come from
the cases and the dead letters. A case that runs beyond its time is in no state, so it shows as unexplained.
Dead letters of other services are not seen from here, and need not be: what never came makes the case *not analysed
(no answer)* at its time, so it awaits a human; a letter of the gateway was never accepted by anybody else.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, case, func, not_, or_, select
from sqlalchemy.orm import Session

from services.results_sharing.domain.state import State
from services.results_sharing.store.tables import CASES, TIMELINE
from shared.dead_letters import LETTERS


@dataclass(frozen=True)
class Reconciliation:
    """Accepted cases by state.

    Attributes:
        states: every state, also those with no case.
        stuck: cases that run beyond their time.
    """

    accepted: int
    states: dict[State, int]
    stuck: int

    @property
    def unexplained(self) -> int:
        """Accepted cases that are in no state; 0 or something is wrong."""
        return self.accepted - sum(self.states.values())


def reconciliation(session: Session, now: datetime) -> Reconciliation:
    """Count accepted cases by state."""
    overdue = and_(CASES.c.state == State.RUNNING, CASES.c.running_until < now)
    where = case((_has_letter(), State.DEAD_LETTERED), (overdue, "stuck"), else_=CASES.c.state)
    rows = session.execute(select(where, func.count()).group_by(where)).all()
    counted = {str(name): count for name, count in rows}
    lost = session.execute(_letters_without_case()).scalar_one()
    opened = session.execute(select(func.coalesce(func.sum(TIMELINE.c.change), 0))).scalar_one()
    states = {state: counted.get(state, 0) for state in State}
    states[State.DEAD_LETTERED] += lost
    return Reconciliation(int(opened) + lost, states, counted.get("stuck", 0))


def stuck(session: Session, now: datetime, limit: int = 100) -> list[str]:
    """Ids of cases that run beyond their time, the longest first."""
    query = (
        select(CASES.c.id)
        .where(CASES.c.state == State.RUNNING, CASES.c.running_until < now, not_(_has_letter()))
        .order_by(CASES.c.running_until)
        .limit(limit)
    )
    return list(session.execute(query).scalars())


def _open_letter() -> ColumnElement[bool]:
    """Waits for a decision and is about a case: what was only to be audited is not."""
    return and_(LETTERS.c.replayed_at.is_(None), LETTERS.c.task.not_like("%.access-recorded"))


def _has_letter() -> ColumnElement[bool]:
    same = and_(TIMELINE.c.correlation == LETTERS.c.correlation, LETTERS.c.correlation != "")
    letters = select(LETTERS.c.id).join(TIMELINE, same).where(_open_letter(), TIMELINE.c.case_id == CASES.c.id)
    return letters.correlate(CASES).exists()


def _letters_without_case() -> Select[int]:
    """How many things were accepted that only a letter knows of: one for each correlation."""
    known = select(TIMELINE.c.id).where(
        TIMELINE.c.case_id.is_not(None), TIMELINE.c.correlation == LETTERS.c.correlation
    )
    thing = func.coalesce(func.nullif(LETTERS.c.correlation, ""), LETTERS.c.message_id)
    about_none = or_(LETTERS.c.correlation == "", not_(known.exists()))
    return select(func.count(func.distinct(thing))).where(_open_letter(), about_none)
