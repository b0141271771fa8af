"""GET /fhir/metadata: what this door can do, for anybody who asks."""

import orjson
from fastapi import APIRouter, Response

from services.gateway.api.door import base
from services.gateway.fhir.capability import statement
from shared.http import FHIR_JSON

router = APIRouter()


@router.get("/fhir/metadata")
def metadata() -> Response:
    """The CapabilityStatement."""
    return Response(orjson.dumps(statement(base())), media_type=FHIR_JSON)
