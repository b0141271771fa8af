"""Cases: found by study or order, opened by whichever event comes first, joined when one links two halves."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Text, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.facts import merge
from services.results_sharing.domain.order import Patient
from services.results_sharing.domain.state import State, is_open, running_until, state
from services.results_sharing.domain.worklist import LANE_ORDER
from services.results_sharing.store.tables import CASES, KEYS, PATIENTS, TIMELINE
from shared.errors import NotFound

_CASE = TypeAdapter(Case)
_PATIENT = TypeAdapter(Patient)

OPENING = 0x48756201
"""Advisory lock under which cases are opened and joined, one at a time ("Hub" and a 1)."""

_KEEP_KEYS: Final = (
    insert(KEYS)
    .from_select(
        ["key", "case_id"],
        select(func.unnest(bindparam("its_keys", type_=ARRAY(Text))), bindparam("its_case", type_=Text)),
    )
    .on_conflict_do_nothing()
)
_SAID: Final = insert(PATIENTS)
_REMEMBER: Final = _SAID.on_conflict_do_update(
    index_elements=[PATIENTS.c.id],
    set_={"at": _SAID.excluded.at, "facts": _SAID.excluded.facts},
    where=_SAID.excluded.at > PATIENTS.c.at,
)
"""Built once: every event about a case runs them."""


@dataclass(frozen=True)
class Keys:
    """By what an event knows its case.

    Attributes:
        order: `system|value` of the order's identifiers, and its reference.
        case_id: named by the hub's own report identifier.
    """

    study_uid: str | None = None
    order: frozenset[str] = frozenset()
    case_id: str | None = None


def case_from(facts: dict[str, object]) -> Case:
    """The case of a row's document."""
    return _CASE.validate_python(facts)


def bind(session: Session, keys: Keys, correlation: str, now: datetime, *, opens: bool) -> list[Case]:
    """The cases that an event is about, locked until the transaction ends.

    One order can have several studies: an event that names only the order is about all of them.

    Args:
        opens: an unknown case is opened, and halves are joined; else what is known is returned.
    """
    if not opens:
        return _narrowed(_find(session, keys, lock=True), keys)
    seen = _find(session, keys)
    if len(seen) == 1 and _covers(seen[0], keys) and (known := _find(session, keys, lock=True)):
        return known
    session.execute(select(func.pg_advisory_xact_lock(OPENING)))
    return _settled(session, _find(session, keys, lock=True), keys, correlation, now)


def _covers(case: Case, keys: Keys) -> bool:
    return keys.study_uid in {None, case.study_uid} and keys.order <= case.keys


def _narrowed(known: list[Case], keys: Keys) -> list[Case]:
    return [case for case in known if case.study_uid == keys.study_uid] if keys.study_uid else known


def _settled(session: Session, known: list[Case], keys: Keys, correlation: str, now: datetime) -> list[Case]:
    """Join halves, open what is missing; under the opening lock."""
    full = [case for case in known if case.study_uid]
    halves = [case for case in known if not case.study_uid]
    targets = _narrowed(full, keys)
    if not targets:
        if halves:
            targets = [halves.pop(0)]
        else:
            targets = [Case(str(uuid4()), correlation, keys=keys.order)]
            _insert(session, targets[0], now)
    joined = []
    for case in targets:
        complete = replace(case, keys=case.keys | keys.order, study_uid=case.study_uid or keys.study_uid)
        siblings = [other for other in full if other.id != case.id and other.keys & complete.keys]
        for other in [*halves, *siblings]:
            complete = merge(complete, other)
        joined.append(complete if case.study_uid else replace(complete, correlation=correlation))
    for half in halves:
        session.execute(update(TIMELINE).where(TIMELINE.c.case_id == half.id).values(case_id=joined[0].id))
        session.execute(delete(CASES).where(CASES.c.id == half.id))
        record_change(session, joined[0].id, correlation, now, -1)
    for case in joined:
        save(session, case, now)
    return joined


def _insert(session: Session, case: Case, now: datetime) -> None:
    session.execute(insert(CASES).values(id=case.id, **_columns(case, now)))
    record_change(session, case.id, case.correlation, now, 1)


def record_change(session: Session, case_id: str, correlation: str, now: datetime, change: int) -> None:
    """Count accepted cases in the timeline: 1 opened, -1 turned out to be the half of another."""
    session.execute(
        insert(TIMELINE).values(
            message_id=str(uuid4()),
            case_id=case_id,
            event="case-opened" if change > 0 else "case-joined",
            at=now,
            lane="",
            correlation=correlation,
            change=change,
        )
    )


def _find(session: Session, keys: Keys, *, lock: bool = False) -> list[Case]:
    """Known cases in the order of their ids, so that two transactions never wait for each other."""
    by_order = select(KEYS.c.case_id).where(KEYS.c.key.in_(keys.order))
    wanted: list[ColumnElement[bool]] = [CASES.c.id.in_(by_order)]
    if keys.study_uid is not None:
        wanted.append(CASES.c.study_uid == keys.study_uid)
    if keys.case_id is not None:
        wanted.append(CASES.c.id == keys.case_id)
    query = select(CASES.c.facts).where(or_(*wanted)).order_by(CASES.c.id).limit(100)
    rows = session.execute(query.with_for_update() if lock else query)
    return [case_from(facts) for facts in rows.scalars()]


def load(session: Session, case_id: str, *, lock: bool = False) -> Case:
    """A case by its id.

    Raises:
        NotFound: there is none.
    """
    query = select(CASES.c.facts).where(CASES.c.id == case_id)
    known = "\0" not in case_id  # PostgreSQL has no such text
    facts = session.execute(query.with_for_update() if lock else query).scalar_one_or_none() if known else None
    if facts is None:
        raise NotFound("There is no such case", fix="Go back to the worklist.")
    return case_from(facts)


def case_of_study(session: Session, study_uid: str) -> Case:
    """The case of a study, by its Study Instance UID.

    Raises:
        NotFound: no event has named this study yet.
    """
    found = _find(session, Keys(study_uid=study_uid))
    if not found:
        raise NotFound("No case of this study is known")
    return found[0]


def save(session: Session, case: Case, now: datetime) -> None:
    """Write a case that this transaction has locked."""
    session.execute(update(CASES).where(CASES.c.id == case.id).values(**_columns(case, now)))
    if case.keys:
        session.execute(_KEEP_KEYS, {"its_keys": sorted(case.keys), "its_case": case.id})


def _columns(case: Case, now: datetime) -> dict[str, object]:
    where = state(case)
    return {
        "study_uid": case.study_uid,
        "patient_id": case.patient_id,
        "state": str(where),
        "running_until": running_until(case) or (now if where is State.RUNNING else None),
        "open": is_open(case),
        "lane_rank": LANE_ORDER.index(case.lane),
        "received_at": case.received_at or now,
        "signed_at": case.signed_at,
        "facts": _CASE.dump_python(case, mode="json"),
    }


def remember(session: Session, patients: Iterable[Patient]) -> None:
    """Keep the newest demographics of each patient."""
    for patient in patients:
        facts = _PATIENT.dump_python(patient, mode="json")
        session.execute(_REMEMBER, {"id": patient.id, "at": patient.at, "facts": facts})


def patients_of(session: Session, cases: Iterable[Case]) -> dict[str, Patient]:
    """The patients of cases, by id."""
    ids = {case.patient_id for case in cases if case.patient_id}
    rows = session.execute(select(PATIENTS.c.facts).where(PATIENTS.c.id.in_(ids)))
    return {patient.id: patient for patient in map(_PATIENT.validate_python, rows.scalars())}
