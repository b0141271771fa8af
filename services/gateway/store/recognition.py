"""Who is who: the identifiers of resources on their way in, claimed for them or found to be somebody's already.

Two messages that bring the same new patient at once meet in the unique index of identifiers: the second waits for the
first and then finds its patient. Claims are made in sorted order.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from services.gateway.domain.draft import Draft, Key
from services.gateway.store.resources import Stored, find_identifiers
from services.gateway.store.rows import insert_given, parameter
from services.gateway.store.tables import IDENTIFIER
from shared.errors import Conflict, InvalidResource

_ROW: Final = IDENTIFIER.c
_ORDER: Final = [_ROW.type, _ROW.system, _ROW.value]
_CLAIM: Final = insert_given(*_ROW, in_order_of=_ORDER).on_conflict_do_nothing().returning(*_ORDER)

ADD_SHARED: Final = insert_given(*_ROW, in_order_of=_ORDER, name="shared").on_conflict_do_nothing()
"""Lets resources be found by identifiers that are not theirs alone; a part of the statement that writes them."""


def recognise(
    session: Session, drafts: Sequence[Draft], wanted: Sequence[Key]
) -> tuple[dict[Key, str], dict[str, Stored]]:
    """Give each draft the id that its identifiers have, claiming those that nobody has.

    Args:
        wanted: other identifiers of interest.

    Returns:
        The id of each identifier that somebody has, and what is stored of those found.

    Raises:
        Conflict: identifiers of one draft belong to different resources, or to another than it must be.
        InvalidResource: two drafts have the same identifier.
    """
    keys = {key: draft for draft in drafts for key in draft.keys}
    if len(keys) < sum(len(draft.keys) for draft in drafts):
        raise InvalidResource(
            "Two resources of the message have the same identifier",
            expression="Bundle.entry",
            fix="Send each resource once.",
        )
    ids = {key: draft.id for key, draft in keys.items()}
    taken = keys.keys() - _claim(session, keys)
    asked = taken | {key for key in wanted if key not in keys}
    found, stored = find_identifiers(session, {(key.system, key.value) for key in asked})
    ids |= found
    for draft in drafts:
        owners = {ids[key] for key in draft.keys}
        others = owners - {draft.id}
        if len(others) > 1 or (others and draft.fixed):
            raise Conflict(
                f"The identifiers of the {draft.type} belong to different resources",
                expression=f"{draft.at}.identifier",
                fix="Send identifiers of one resource only; merging is a decision for people.",
            )
        if others:
            (known,) = others
            if draft.id in owners:
                session.execute(update(IDENTIFIER).where(_ROW.id == draft.id).values(id=known))
            draft.id, draft.is_new = known, False
            ids |= dict.fromkeys(draft.keys, known)
    return ids, stored


def shared_identifiers(found: Sequence[tuple[str, Key]]) -> dict[str, str]:
    """The parameter of `ADD_SHARED`: ids of resources, and identifiers that they have."""
    return parameter([_row(number, key, is_key=False) for number, key in found], "shared")


def _claim(session: Session, keys: dict[Key, Draft]) -> set[Key]:
    """The keys that nobody had before."""
    if not keys:
        return set()
    rows = [_row(draft.id, key, is_key=True) for key, draft in keys.items()]
    return {Key(*row) for row in session.connection().execute(_CLAIM, parameter(rows))}


def _row(number: str, key: Key, *, is_key: bool) -> dict[str, str | bool]:
    return {"id": number, "system": key.system, "value": key.value, "type": key.type, "is_key": is_key}
