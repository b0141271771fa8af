"""The CapabilityStatement, made of the one table of types: it cannot promise what the door does not do.

Source: http://hl7.org/fhir/R4/capabilitystatement.html
"""

from typing import Any, Final

from services.gateway.domain.changes import FROM_HOSPITAL
from services.gateway.domain.repository import TYPES, ResourceType
from shared.fhir import codes

DATE: Final = "2026-11-24"
"""Of the last change of what the door can do."""

_SECURITY: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_TRANSPORT: Final = "http://terminology.hl7.org/CodeSystem/message-transport"


def statement(base: str) -> dict[str, Any]:
    """What this server does.

    Args:
        base: address of the FHIR door as clients use it.
    """
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "publisher": "Consilium",
        "kind": "instance",
        "software": {"name": "Consilium gateway"},
        "implementation": {"description": "Hospital AI integration hub", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [_rest()],
        "messaging": [_messaging(base)],
    }


def _rest() -> dict[str, Any]:
    return {
        "mode": "server",
        "documentation": (
            "What the hub makes itself is read only (405). Preliminary AI results are shown to clinicians and to"
            " systems with the scope hub/preliminary.r. POST takes an Idempotency-Key."
        ),
        "security": {
            "cors": False,
            "service": [{"coding": [{"system": _SECURITY, "code": "OAuth"}], "text": "Bearer token"}],
            "description": "Bearer tokens with SMART 2 system scopes, issued by `hub clients add`.",
        },
        "resource": [_resource(kind) for kind in TYPES.values()],
        "operation": [
            {
                "name": "process-message",
                "definition": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message",
            }
        ],
    }


def _resource(kind: ResourceType) -> dict[str, Any]:
    interactions = ["read", "search-type", *(["create", "update"] if kind.from_outside else [])]
    made: dict[str, Any] = {
        "type": kind.name,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": kind.from_outside,
        "conditionalRead": "not-match",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": [{"name": name, "type": str(what)} for name, what in kind.parameters.items()],
    }
    if kind.from_outside:
        made["referencePolicy"] = ["literal", "logical", "local", "enforced"]
    return made


def _messaging(base: str) -> dict[str, Any]:
    return {
        "endpoint": [{"protocol": {"system": _TRANSPORT, "code": "http"}, "address": f"{base}/$process-message"}],
        "supportedMessage": [
            {"mode": "receiver", "definition": f"{codes.BASE}/MessageDefinition/{event}"} for event in FROM_HOSPITAL
        ],
    }
