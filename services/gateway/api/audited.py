"""Accesses, audited in the transaction that precedes the answer: no commit, no data."""

import time
from collections.abc import Sequence
from typing import Final

from services.gateway.store import Session, Stored
from shared import audit, sittings
from shared.audit import Action, Entity
from shared.security import Principal

BELIEVED_S: Final = 30.0
"""So much later than a sitting's end an audit of the next one may come, and only for writes."""

REMEMBERED: Final = 10_000
_BEGUN: Final[dict[tuple[str, str], float]] = {}


def note_read(session: Session, who: Principal, kind: str, found: Sequence[Stored], request_id: str) -> None:
    """Say whose data the caller is about to see: once for each patient in a sitting, and each type that has none."""
    things = {f"Patient/{one.patient}" if one.patient else kind for one in found} or {kind}
    began = sittings.begin(session, who, things)
    if began:
        entities = [Entity(reference=thing) for thing in began if "/" in thing]
        _record(session, who, "R", entities, f"read {kind}", request_id)


def note_write(session: Session, who: Principal, action: Action, kind: str, request_id: str) -> None:
    """Say that the caller writes: once for each kind in a sitting; what it wrote is in the events."""
    thing = f"{action} {kind}"
    seen = (who.session, thing)  # of one token
    if _BEGUN.get(seen, 0.0) > time.monotonic():
        return
    if sittings.begin(session, who, [thing]):
        _record(session, who, action, [], f"wrote {kind}", request_id)
    else:
        _remember(seen)


def _remember(seen: tuple[str, str]) -> None:
    """A sitting that was seen committed need not be looked up for every message of a busy system."""
    if len(_BEGUN) > REMEMBERED:
        _BEGUN.clear()
    _BEGUN[seen] = time.monotonic() + BELIEVED_S


def _record(
    session: Session, who: Principal, action: Action, entities: list[Entity], detail: str, request_id: str
) -> None:
    event = audit.audit_event(service="gateway", who=who, kind="rest", action=action, entities=entities, detail=detail)
    audit.record(session, event, service="gateway", correlation=request_id)
