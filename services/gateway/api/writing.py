"""Create and update: versions with ETag and If-Match, once under an Idempotency-Key, and said to the hub.

Source: http://hl7.org/fhir/R4/http.html#create
"""

import hashlib
import re
from email.utils import format_datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Header, Request, Response

from services.gateway import store
from services.gateway.api.accepting import STORED
from services.gateway.api.audited import note_read, note_write
from services.gateway.api.door import Body, Caller, base
from services.gateway.api.refused import read_only
from services.gateway.api.saying import say_changes
from services.gateway.domain.draft import Draft, Key
from services.gateway.domain.refusals import Malformed
from services.gateway.domain.repository import type_of
from services.gateway.domain.search import Token, is_id, search_of
from services.gateway.fhir.reading import resource_of
from services.gateway.store import Answer, Claim, Saved, Session, Stored
from shared.errors import Conflict, InvalidResource, NotFound, PreconditionFailed
from shared.http import FHIR_JSON, correlation
from shared.security import require_scope

router = APIRouter()

_ETAG: Final = re.compile(r'(?:W/)?"(\d{1,9})"')


@router.post("/fhir/{kind}")
def create(
    request: Request,
    who: Caller,
    kind: str,
    body: Body,
    if_none_exist: Annotated[str | None, Header()] = None,
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """A new resource: 201; with If-None-Exist the one that is there already: 200."""
    if not type_of(kind).from_outside:
        return read_only(kind)
    require_scope(who, kind, "c")
    draft = Draft(resource_of(body, kind))
    digest = hashlib.sha256(body).digest()
    key = f"key {idempotency_key}" if idempotency_key else None
    with store.transaction() as session:
        if key and (given := store.claim_answer(session, Claim(who.subject, key, digest, Answer(201, b"")))):
            return _answered(given)
        existing = _existing(session, kind, if_none_exist)
        if not existing:
            (saved,) = store.take_in(session, [draft])
            if saved.before:
                raise Conflict(
                    f"There is a {kind} with this identifier",
                    expression=f"{kind}.identifier",
                    fix="Update it with PUT, or create with If-None-Exist.",
                )
            say_changes(session, None, [saved])
            note_write(session, who, "C", kind, correlation(request))
            answer = _answer(201, saved)
        else:
            answer = _found(existing[0])
            note_read(session, who, kind, existing, correlation(request))
        if key:
            store.give_answer(session, who.subject, key, answer)
    if answer.status == 201:  # noqa: PLR2004 (HTTP's Created)
        STORED.labels(kind).inc()
    return _answered(answer)


@router.put("/fhir/{kind}/{number}")
def update(
    request: Request, who: Caller, kind: str, number: str, body: Body, if_match: Annotated[str | None, Header()] = None
) -> Response:
    """A new version of a resource that is there; ids are the hub's to give, so an unknown one is no create."""
    if not type_of(kind).from_outside:
        return read_only(kind, "GET")
    require_scope(who, kind, "u")
    resource = resource_of(body, kind)
    if resource.get("id") != number:
        raise InvalidResource(
            "The id in the body is not that of the address", expression=f"{kind}.id", fix="Send both alike."
        )
    with store.transaction() as session:
        before = store.lock(session, [number]).get(number) if is_id(number) else None
        if before is None or before.type != kind:
            raise NotFound(f"There is no such {kind}", fix="Create it with POST; the hub gives the id.")
        _require_current(if_match, before.version)
        (saved,) = store.take_in(session, [Draft(resource, id=number, fixed=True)])
        say_changes(session, None, [saved])
        note_write(session, who, "U", kind, correlation(request))
    if saved.changed:
        STORED.labels(kind).inc()
    answer = _answer(200, saved)
    return _answered(answer)


def _require_current(if_match: str | None, version: int) -> None:
    if if_match is None:
        return
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Malformed("If-Match is no ETag of this hub", expression="If-Match", fix='Send it as read: W/"1".')
    if int(found[1]) != version:
        raise PreconditionFailed("Somebody changed it since you read it", fix="Read it again, and change that version.")


def _existing(session: Session, kind: str, condition: str | None) -> list[Stored]:
    """What a conditional create finds; nothing when there is something to create.

    Raises:
        PreconditionFailed: more than one matches.
    """
    if condition is None:
        return []
    wanted = search_of(type_of(kind), parse_qsl(condition.lstrip("?")))
    keys = [
        Key(kind, value.system or "", value.value)
        for criterion in wanted.criteria
        if criterion.parameter == "identifier"
        for value in criterion.values
        if isinstance(value, Token) and value.value
    ]
    if not keys or len(keys) < len(wanted.criteria):
        raise Malformed(
            "If-None-Exist wants an identifier", expression="If-None-Exist", fix="Use identifier=system|value."
        )
    found = store.find_by_identifier(session, kind, keys)
    if len(found) > 1:
        raise PreconditionFailed(f"More than one {kind} matches", fix="Use an identifier that names one only.")
    return [stored for number in found if (stored := store.find(session, kind, number))]


def _found(stored: Stored) -> Answer:
    location = f"{base()}/{stored.type}/{stored.id}"
    return Answer(200, stored.body, location, stored.version, stored.last_updated)


def _answer(status: int, saved: Saved) -> Answer:
    location = f"{base()}/{saved.draft.type}/{saved.draft.id}"
    return Answer(status, saved.body, location if status == 201 else None, saved.version, saved.last_updated)  # noqa: PLR2004


def _answered(answer: Answer) -> Response:
    headers = {"Location": answer.location} if answer.location else {}
    if answer.version:
        headers["ETag"] = f'W/"{answer.version}"'
    if answer.modified:
        headers["Last-Modified"] = format_datetime(answer.modified, usegmt=True)
    return Response(answer.body, status_code=answer.status, media_type=FHIR_JSON, headers=headers)
