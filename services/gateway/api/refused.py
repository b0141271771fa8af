"""What the FHIR door does not do: 405 with `Allow`, and an OperationOutcome that says what it does instead."""

import orjson
from fastapi import APIRouter, Response

from services.gateway.api.door import Caller
from services.gateway.domain.repository import type_of
from shared.errors import NotAllowed
from shared.fhir import outcome
from shared.http import FHIR_JSON

router = APIRouter(include_in_schema=False)


def read_only(kind: str, *allowed: str) -> Response:
    """The answer to a write of what the hub makes itself."""
    error = NotAllowed(f"The hub makes {kind} itself", fix="Read it, or search for it.")
    return _refusal(error, allowed or type_of(kind).methods)


def _refusal(error: NotAllowed, allowed: tuple[str, ...]) -> Response:
    body = orjson.dumps(outcome.from_error(error))
    return Response(body, status_code=error.status, media_type=FHIR_JSON, headers={"Allow": ", ".join(allowed)})


@router.api_route("/fhir/{kind}/{number}", methods=["DELETE", "PATCH", "POST"])
def change_one(who: Caller, kind: str, number: str) -> Response:  # noqa: ARG001 (the caller must be known)
    """Nothing is deleted or patched here."""
    allowed = ("GET", "PUT") if type_of(kind).from_outside else ("GET",)
    return _refusal(NotAllowed("This interaction is not offered", fix="Send the whole resource with PUT."), allowed)


@router.api_route("/fhir/{kind}", methods=["DELETE", "PATCH", "PUT"])
def change_many(who: Caller, kind: str) -> Response:  # noqa: ARG001 (the caller must be known)
    """Nothing is changed by condition here."""
    error = NotAllowed("This interaction is not offered", fix="Name the resource by its id.")
    return _refusal(error, type_of(kind).methods)


@router.api_route("/fhir", methods=["GET", "POST"])
def whole(who: Caller) -> Response:  # noqa: ARG001 (the caller must be known)
    """Batches and transactions are not taken yet."""
    error = NotAllowed("Batch and transaction are not offered", fix="Send a message to /fhir/$process-message.")
    return _refusal(error, ())
