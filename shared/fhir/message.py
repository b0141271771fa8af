"""A FHIR message in flight: the Bundle that carries one event between services.

Sources: http://hl7.org/fhir/R4/messaging.html, http://hl7.org/fhir/R4/bundle.html#references
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared.errors import InvalidResource
from shared.events import Event, Lane
from shared.fhir.codes import BASE, EVENT_SYSTEM, lane_of

CORRELATION_SYSTEM = f"{BASE}/NamingSystem/correlation"
LANE_EXTENSION = f"{BASE}/StructureDefinition/lane"


@dataclass(frozen=True)
class Message:
    """One event with the resources it is about.

    Attributes:
        id: MessageHeader.id, a UUID; the same on every delivery of this message.
        correlation: one id along everything that happens to a case.
        bundle: the FHIR message Bundle as JSON.
    """

    id: str
    event: Event
    lane: Lane
    correlation: str
    bundle: dict[str, Any]

    @classmethod
    def build(
        cls,
        event: Event,
        lane: Lane,
        correlation: str,
        focus: Sequence[dict[str, Any]],
        others: Sequence[dict[str, Any]] = (),
        *,
        id: str | None = None,  # noqa: A002 (FHIR's word)
    ) -> "Message":
        """Wrap resources in a message Bundle.

        Args:
            focus: what the event is about.
            others: what one must know to understand it.
            id: for a message that must be the same whenever it is made again; else a new UUID.

        Resources get a `urn:uuid:` fullUrl made of their id when it is a UUID, else a new one.
        """
        number = id or str(uuid4())
        entries = [{"fullUrl": full_url(resource), "resource": resource} for resource in [*focus, *others]]
        header = {
            "resourceType": "MessageHeader",
            "id": number,
            "meta": {"tag": [{"system": CORRELATION_SYSTEM, "code": correlation}]},
            "extension": [{"url": LANE_EXTENSION, "valueCode": str(lane)}],
            "eventCoding": {"system": EVENT_SYSTEM, "code": str(event)},
            "source": {"name": event.partition(".")[0], "endpoint": f"{BASE}/service/{event.partition('.')[0]}"},
            "focus": [{"reference": entry["fullUrl"]} for entry in entries[: len(focus)]],
        }
        bundle = {
            "resourceType": "Bundle",
            "id": number,
            "type": "message",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "entry": [{"fullUrl": f"urn:uuid:{number}", "resource": header}, *entries],
        }
        return cls(number, event, lane, correlation, bundle)

    @classmethod
    def from_fhir(cls, bundle: dict[str, Any]) -> "Message":
        """Read one of the hub's own messages.

        Raises:
            InvalidResource: not a message Bundle, or an event that the hub does not know.
        """
        header = header_of(bundle)
        try:
            event = Event(header["eventCoding"]["code"])
        except (KeyError, TypeError, ValueError):
            raise InvalidResource(
                "The message names no event of this hub",
                expression="Bundle.entry[0].resource.eventCoding",
                fix=f"Use a code of {EVENT_SYSTEM}.",
            ) from None
        number = str(header.get("id") or bundle.get("id") or uuid4())
        tags = header.get("meta", {}).get("tag", [])
        correlation = next((tag["code"] for tag in tags if tag.get("system") == CORRELATION_SYSTEM), number)
        lane = next((e["valueCode"] for e in header.get("extension", []) if e.get("url") == LANE_EXTENSION), None)
        return cls(number, event, lane_of(lane), str(correlation), bundle)

    @property
    def focus(self) -> list[dict[str, Any]]:
        """The resources that the event is about."""
        wanted = [reference["reference"] for reference in header_of(self.bundle).get("focus", [])]
        by_url = {entry.get("fullUrl"): entry["resource"] for entry in self.bundle["entry"] if "resource" in entry}
        return [by_url[url] for url in wanted if url in by_url]

    def resources(self, type_: str) -> list[dict[str, Any]]:
        """All resources of a type, in the order of the Bundle."""
        entries = (entry.get("resource", {}) for entry in self.bundle["entry"])
        return [resource for resource in entries if resource.get("resourceType") == type_]

    def resource(self, type_: str) -> dict[str, Any]:
        """The first resource of a type.

        Raises:
            InvalidResource: there is none.
        """
        found = self.resources(type_)
        if not found:
            raise InvalidResource(f"The message carries no {type_}", expression="Bundle.entry", fix=f"Add the {type_}.")
        return found[0]


def full_url(resource: dict[str, Any]) -> str:
    """The `urn:uuid:` by which other resources of the same Bundle refer to this one: its id, a UUID."""
    resource.setdefault("id", str(uuid4()))
    return f"urn:uuid:{resource['id']}"


def header_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """The MessageHeader, which is the first entry of a message Bundle (FHIR invariant bdl-12).

    Raises:
        InvalidResource: the resource is no message Bundle.
    """
    match bundle:
        case {
            "resourceType": "Bundle",
            "type": "message",
            "entry": [{"resource": {"resourceType": "MessageHeader"} as header}, *_],
        }:
            return dict(header)
        case _:
            raise InvalidResource(
                "This is not a FHIR message",
                expression="Bundle",
                fix="Send a Bundle of type 'message' whose first entry is a MessageHeader.",
            )
