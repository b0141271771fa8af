"""Taking resources in: recognised by identifier, references rewritten, each stored once with its versions.

All locks are taken in sorted order. The usual message costs three statements: claims, known resources, new versions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from services.gateway.domain import references
from services.gateway.domain.draft import (
    Draft,
    Key,
    identifiers_of,
    is_preliminary_ai,
    patient_of,
    span_when,
    status_of,
)
from services.gateway.domain.references import Known, Pointer
from services.gateway.domain.together import leaders
from services.gateway.domain.words import words_of
from services.gateway.store.recognition import ADD_SHARED, recognise, shared_identifiers
from services.gateway.store.resources import Stored, find_all, lock
from services.gateway.store.rows import insert_given, parameter
from services.gateway.store.tables import IDENTIFIER, RESOURCE, VERSION
from shared.errors import Conflict

Origin = Literal["outside", "hub"]

_ROWS: Final = insert_given(*RESOURCE.c)
_WRITE: Final = _ROWS.on_conflict_do_update(
    index_elements=["id"], set_={one.name: _ROWS.excluded[one.name] for one in RESOURCE.c if one.name != "id"}
).add_cte(ADD_SHARED.cte("shared"))


@dataclass(frozen=True)
class Saved:
    """What became of a draft.

    Attributes:
        before: the version that was current until now; None for a new resource.
        changed: whether a version was written; the same content again changes nothing.
    """

    draft: Draft
    before: Stored | None
    changed: bool
    version: int
    last_updated: datetime
    digest: bytes
    body: bytes


def take_in(
    session: Session, drafts: Sequence[Draft], *, origin: Origin = "outside", said_at: datetime | None = None
) -> list[Saved]:
    """Store resources that came together.

    Args:
        origin: what comes from outside must refer to things that exist; the hub's own may arrive in any order.
        said_at: when it was said; nothing older replaces it.

    Raises:
        Conflict: identifiers of one draft belong to different resources, or to one that the caller must not change.
        InvalidResource: a reference leads nowhere.
    """
    return take_in_group(session, [drafts], origin=origin, said_at=said_at)[0]


def take_in_group(
    session: Session,
    bundles: Sequence[Sequence[Draft]],
    *,
    origin: Origin = "outside",
    said_at: datetime | None = None,
) -> list[list[Saved]]:
    """Store bundles of one of the `groups`, in as many statements as one of them costs; raises what `take_in` does."""
    firsts = leaders(bundles)
    own = list({id(draft): draft for drafts in firsts for draft in drafts}.values())
    found = [references.pointers(drafts) for drafts in bundles]
    ids, stored = recognise(session, own, [key for each in found for pointer in each if (key := pointer.key)])
    for drafts, first in zip(bundles, firsts, strict=True):
        for draft, leader in zip(drafts, first, strict=True):
            draft.id, draft.is_new = leader.id, leader.is_new
    known = _known(session, bundles, found, ids, stored)
    for drafts, each in zip(bundles, found, strict=True):
        references.settle(list(drafts), each, known.references, strict=origin == "outside")
    saved = {id(one.draft): one for one in _save(session, own, known.stored, origin, said_at)}
    return [
        [_seen_by(draft, saved[id(leader)]) for draft, leader in zip(drafts, first, strict=True)]
        for drafts, first in zip(bundles, firsts, strict=True)
    ]


def _save(
    session: Session, drafts: Sequence[Draft], before: dict[str, Stored], origin: Origin, said_at: datetime | None
) -> list[Saved]:
    saved = [_compare(draft, before.get(draft.id), said_at) for draft in drafts]
    if again := {one.draft.id for one in saved if one.changed and one.before}:
        held = lock(session, again)
        saved = [_compare(one.draft, held.get(one.draft.id, one.before), said_at) for one in saved]
    _refuse_foreign(saved, origin)
    _write(session, [one for one in saved if one.changed], origin, said_at)
    return saved


def _seen_by(draft: Draft, saved: Saved) -> Saved:
    """What another bundle of the group has saved already is no change."""
    return saved if saved.draft is draft else replace(saved, draft=draft, changed=False)


@dataclass(frozen=True)
class _Found:
    references: Known
    stored: dict[str, Stored]


def _known(
    session: Session,
    bundles: Sequence[Sequence[Draft]],
    found: Sequence[list[Pointer]],
    ids: dict[Key, str],
    stored: dict[str, Stored],
) -> _Found:
    """Everything that is named: the drafts' own resources and what they point at; one look where ids are given."""
    drafts = [draft for each in bundles for draft in each]
    every = [pointer for each in found for pointer in each]
    named = {number for one, each in zip(bundles, found, strict=True) for number in _named_outside(one, each)}
    own = {draft.id for draft in drafts if not draft.is_new}
    stored = stored | find_all(session, (named | own) - stored.keys())
    types = {number: one.type for number, one in stored.items()} | {draft.id: draft.type for draft in drafts}
    without = [pointer.number for pointer in every if pointer.number in stored and "identifier" not in pointer.holder]
    return _Found(Known(types, ids, _outside_names(session, [number for number in without if number])), stored)


def _named_outside(drafts: Sequence[Draft], found: Sequence[Pointer]) -> set[str]:
    """The hub ids that a bundle names without bringing them."""
    here = {name for draft in drafts for name in (draft.url, draft.resource.get("id")) if name}
    return {number for pointer in found if pointer.literal not in here and (number := pointer.number)}


def _outside_names(session: Session, numbers: list[str]) -> dict[str, Key]:
    if not numbers:
        return {}
    query = select(IDENTIFIER.c.id, IDENTIFIER.c.type, IDENTIFIER.c.system, IDENTIFIER.c.value)
    rows = session.execute(query.where(IDENTIFIER.c.id.in_(numbers), IDENTIFIER.c.is_key)).all()
    return {row.id: Key(row.type, row.system, row.value) for row in rows}


def _compare(draft: Draft, before: Stored | None, said_at: datetime | None) -> Saved:
    content = {name: value for name, value in draft.resource.items() if name not in {"id", "meta"}}
    meta = _labels(before) | {
        name: value
        for name, value in draft.resource.get("meta", {}).items()
        if name not in {"versionId", "lastUpdated"}
    }
    digest = hashlib.sha256(orjson.dumps([content, meta], option=orjson.OPT_SORT_KEYS)).digest()
    older = before is not None and said_at is not None and before.said_at is not None and said_at <= before.said_at
    if before and (before.digest == digest or older):
        return Saved(draft, before, False, before.version, before.last_updated, before.digest, before.body)
    version = before.version + 1 if before else 1
    now = datetime.now(UTC)
    stamp = {"versionId": str(version), "lastUpdated": now.isoformat(timespec="milliseconds")}
    full = {"resourceType": draft.type, "id": draft.id, "meta": {**meta, **stamp}, **content}
    return Saved(draft, before, True, version, now, digest, orjson.dumps(full))


def _labels(before: Stored | None) -> dict[str, Any]:
    """What an update that says nothing of labels keeps: a test patient stays one (http://hl7.org/fhir/R4/resource.html#Meta)."""
    if before is None or before.origin != "outside" or not any(name in before.body for name in (b"security", b"tag")):
        return {}
    return {name: value for name, value in before.resource.get("meta", {}).items() if name in {"security", "tag"}}


def _refuse_foreign(saved: Sequence[Saved], origin: Origin) -> None:
    for one in saved:
        if one.changed and one.before and one.before.origin != origin:
            raise Conflict(
                f"This {one.draft.type} is not the caller's to change",
                expression=one.draft.at,
                fix="Only who originated a resource changes it.",
            )


def _write(session: Session, saved: Sequence[Saved], origin: Origin, said_at: datetime | None) -> None:
    updated = [one for one in saved if one.before]
    if updated:
        _keep_history(session, updated)
    if not saved:
        return
    others = [(one.draft.id, key) for one in saved for key in identifiers_of(one.draft.resource)]
    owned = {key for one in saved for key in one.draft.keys}
    rows = parameter([_row(one, origin, said_at) for one in saved])
    shared = shared_identifiers([(number, key) for number, key in others if key not in owned])
    session.connection().execute(_WRITE, rows | shared)


def _row(one: Saved, origin: Origin, said_at: datetime | None) -> dict[str, Any]:
    resource = one.draft.resource
    span = span_when(resource)
    return {
        "id": one.draft.id,
        "type": one.draft.type,
        "version": one.version,
        "last_updated": one.last_updated,
        "origin": origin,
        "said_at": said_at,
        "patient": one.draft.id if one.draft.type == "Patient" else patient_of(resource),
        "status": status_of(resource),
        "starts": span.start if span else None,
        "ends": span.end if span else None,
        "preliminary": is_preliminary_ai(resource),
        "digest": one.digest,
        "body": one.body,
        "words": words_of(resource) or None,
    }


def _keep_history(session: Session, updated: Sequence[Saved]) -> None:
    """The version that was current becomes history, and identifiers that are gone find it no more."""
    past = [
        {"id": b.id, "version": b.version, "type": b.type, "last_updated": b.last_updated, "body": b.body}
        for one in updated
        if (b := one.before)
    ]
    session.execute(insert(VERSION), past)
    for one in updated:
        if one.before:
            now = set(identifiers_of(one.draft.resource))
            gone = [key for key in identifiers_of(one.before.resource) if key not in now]
            for key in gone:
                session.execute(
                    delete(IDENTIFIER).where(
                        IDENTIFIER.c.id == one.draft.id,
                        IDENTIFIER.c.system == key.system,
                        IDENTIFIER.c.value == key.value,
                    )
                )
