"""POST /fhir/$process-message: what a hospital says is stored, said to the hub and answered, all or nothing, once.

Source: http://hl7.org/fhir/R4/messageheader-operation-process-message.html
"""

import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from prometheus_client import Counter

from services.gateway import store
from services.gateway.api.audited import note_write
from services.gateway.api.door import Body, Caller
from services.gateway.api.saying import say_changes
from services.gateway.fhir import messages
from services.gateway.fhir.messages import Announcement
from services.gateway.store import Answer, Saved
from shared.errors import HubError, InvalidResource
from shared.http import FHIR_JSON, correlation
from shared.security import Principal, require_scope

MESSAGES: Final = Counter("hub_gateway_messages", "Messages of hospitals, by what became of them", ["event", "outcome"])
STORED: Final = Counter("hub_gateway_resources_stored", "Resource versions written", ["type"])

router = APIRouter()


@router.post("/fhir/$process-message")
def process_message(
    request: Request, who: Caller, body: Body, idempotency_key: Annotated[str | None, Header(max_length=128)] = None
) -> Response:
    """Take in a hospital's message; 200 means stored and said."""
    require_scope(who, "Message", "c")
    try:
        said = messages.announcement_from(body)
    except HubError:
        MESSAGES.labels("unknown", "refused").inc()
        raise
    try:
        answer, saved = _accept(said, who, body, idempotency_key, correlation(request))
    except HubError as error:
        MESSAGES.labels(said.event, "refused" if isinstance(error, InvalidResource) else "failed").inc()
        raise
    MESSAGES.labels(said.event, "accepted" if saved is not None else "repeated").inc()
    for one in saved or []:
        if one.changed:
            STORED.labels(one.draft.type).inc()
    return Response(answer.body, status_code=answer.status, media_type=FHIR_JSON)


def _accept(
    said: Announcement, who: Principal, body: bytes, key: str | None, request_id: str
) -> tuple[Answer, list[Saved] | None]:
    """The answer, and what was stored; None when the same was answered before."""
    digest = hashlib.sha256(body).digest()
    planned = Answer(200, messages.answer_to(said, who.subject))
    keys = [f"message {said.id}", *([f"key {key}"] if key else [])]
    with store.transaction() as session:
        for one in keys:
            if given := store.claim_answer(session, who.subject, one, digest, planned):
                return given, None
        saved = store.take_in(session, said.drafts)
        say_changes(session, said.event, saved)
        note_write(session, who, "E", "MessageHeader", request_id)
    return planned, saved
