"""A hospital's message in, the answer out, and what the hub then says to its own services.

Source: http://hl7.org/fhir/R4/messaging.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import orjson

from services.gateway.domain.changes import FROM_HOSPITAL, require_agreement
from services.gateway.domain.draft import Draft
from services.gateway.domain.references import outward
from services.gateway.fhir.reading import parse, require_type, require_valid
from shared.errors import InvalidResource
from shared.events import Event, Lane
from shared.fhir import codes
from shared.fhir.message import Message, header_of

MOST_ENTRIES: Final = 100

_HEADER: Final = "Bundle.entry[0].resource"


@dataclass(frozen=True)
class Announcement:
    """What a hospital says in one message.

    Attributes:
        id: MessageHeader.id; the same message again has the same.
        drafts: the resources that it brings.
    """

    id: str
    event: Event
    drafts: list[Draft]


def announcement_from(body: bytes) -> Announcement:
    """Read and validate a hospital's message.

    Raises:
        InvalidResource: no message, an event that is not for hospitals, content that does not fit it.
    """
    bundle = parse(body)
    header = header_of(bundle)
    event = _event(header)
    entries = _entries(bundle)
    require_valid([(_HEADER, header), *((at, resource) for at, _, resource in entries)])
    require_agreement(event, ((at, resource) for at, _, resource in entries))
    drafts = [Draft(resource, url=url, at=at) for at, url, resource in entries]
    return Announcement(_number(header, bundle), event, drafts)


def _event(header: dict[str, Any]) -> Event:
    match header:
        case {"eventCoding": {"system": codes.EVENT_SYSTEM, "code": str(code)}} if code in FROM_HOSPITAL:
            return Event(code)
        case _:
            raise InvalidResource(
                "The message names no event that a hospital sends here",
                expression=f"{_HEADER}.eventCoding",
                fix=f"Use {', '.join(FROM_HOSPITAL)} of {codes.EVENT_SYSTEM}.",
            )


def _number(header: dict[str, Any], bundle: dict[str, Any]) -> str:
    number = header.get("id") or str(bundle["entry"][0].get("fullUrl", "")).removeprefix("urn:uuid:")
    if not number:
        raise InvalidResource(
            "The message has no id", expression=f"{_HEADER}.id", fix="Give it one, and repeat it when you send again."
        )
    return str(number)


def _entries(bundle: dict[str, Any]) -> list[tuple[str, str | None, dict[str, Any]]]:
    """FHIRPath, fullUrl and JSON of each resource after the header."""
    listed = bundle["entry"]
    if len(listed) > MOST_ENTRIES:
        raise InvalidResource(
            f"The message has more than {MOST_ENTRIES} entries", expression="Bundle.entry", fix="Send several messages."
        )
    found: list[tuple[str, str | None, dict[str, Any]]] = []
    for index, entry in enumerate(listed[1:], start=1):
        at = f"Bundle.entry[{index}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            raise InvalidResource("An entry has no resource", expression=at, fix="Add it, or leave the entry out.")
        require_type(resource.get("resourceType"), at)
        url = entry.get("fullUrl")
        if url is not None and not isinstance(url, str):
            raise InvalidResource(
                "A fullUrl is no text", expression=f"Bundle.entry[{index}].fullUrl", fix="Send a URL."
            )
        found.append((at, url, resource))
    return found


def answer_to(message: Announcement, client: str) -> bytes:
    """The response message; the same for the same message, whenever it is asked.

    Args:
        client: who sent it, since two senders may use the same id.
    """
    number = str(uuid5(NAMESPACE_OID, f"{client} {message.id}"))
    header = {
        "resourceType": "MessageHeader",
        "id": number,
        "eventCoding": {"system": codes.EVENT_SYSTEM, "code": str(message.event)},
        "source": {"name": "Consilium gateway", "endpoint": f"{codes.BASE}/service/gateway"},
        "response": {"identifier": message.id, "code": "ok"},
    }
    entry = {"fullUrl": f"urn:uuid:{number}", "resource": header}
    return orjson.dumps({"resourceType": "Bundle", "id": number, "type": "message", "entry": [entry]})


def said(event: Event, focus: Sequence[bytes], others: Iterable[bytes] = ()) -> Message:
    """The hub's own message about stored resources.

    The lane is the order's priority, wherever it stands among them, and the fastest for a Consent; the correlation is
    the study's, else the order's.
    """
    about = [orjson.loads(outward(body)) for body in focus]
    beside = [orjson.loads(outward(body)) for body in others]
    every = [*about, *beside]
    orders = [resource for resource in every if resource["resourceType"] == "ServiceRequest"]
    uid = next((found for resource in every if (found := codes.study_uid(resource))), None)
    lane = codes.lane_of(orders[0].get("priority")) if orders else Lane.ROUTINE
    lane = Lane.STAT if about[0]["resourceType"] == "Consent" else lane
    correlation = codes.correlation_of(uid) if uid else (orders or about)[0]["id"]
    return Message.build(event, lane, correlation, about, beside)
