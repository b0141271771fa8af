"""POST /fhir/$process-message: what a hospital says is stored, said to the hub and answered, all or nothing, once.

Source: http://hl7.org/fhir/R4/messageheader-operation-process-message.html
"""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response

from services.gateway.api.accepting import Sent, accept
from services.gateway.api.door import Body, Caller
from services.gateway.api.gathering import Gathering
from services.gateway.store import Answer
from shared.http import FHIR_JSON, correlation
from shared.security import require_scope

router = APIRouter()

_ACCEPTING: Final[Gathering[Sent, Answer]] = Gathering(accept)


@router.post("/fhir/$process-message")
async def process_message(
    request: Request, who: Caller, body: Body, idempotency_key: Annotated[str | None, Header(max_length=128)] = None
) -> Response:
    """Take in a hospital's message; 200 means stored and said."""
    require_scope(who, "Message", "c")
    answer = await _ACCEPTING.ask(Sent(who, body, idempotency_key, correlation(request)))
    return Response(answer.body, status_code=answer.status, media_type=FHIR_JSON)
