"""What a change of a resource means to the rest of the hub: which event, how urgent, of which case."""

from collections.abc import Iterable
from typing import Any, Final

from shared.errors import InvalidResource
from shared.events import Event

FROM_HOSPITAL: Final = {
    Event.ORDER_PLACED: "ServiceRequest",
    Event.ORDER_REVOKED: "ServiceRequest",
    Event.STUDY_AVAILABLE: "ImagingStudy",
}
"""The events that a hospital may send as a message, each with the resource that it is about."""

ACTIVE: Final = "active"
OVER: Final = frozenset({"revoked", "entered-in-error"})


def meaning(resource: dict[str, Any], status_before: str | None) -> Event:
    """The event of a resource that was created or changed."""
    now = resource.get("status")
    if resource["resourceType"] == "ServiceRequest" and now != status_before:
        if now == ACTIVE:
            return Event.ORDER_PLACED
        if now in OVER:
            return Event.ORDER_REVOKED
    return Event.RESOURCE_CHANGED


def require_agreement(event: Event, resources: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Refuse a message whose event and content say different things.

    Args:
        resources: FHIRPath and JSON of each resource in the message.

    Raises:
        InvalidResource: the resource that the event is about is missing, or its status says something else.
    """
    wanted = FROM_HOSPITAL[event]
    found = [(at, resource) for at, resource in resources if resource["resourceType"] == wanted]
    if not found:
        raise InvalidResource(f"The message carries no {wanted}", expression="Bundle.entry", fix=f"Add the {wanted}.")
    right = {Event.ORDER_PLACED: {ACTIVE}, Event.ORDER_REVOKED: OVER, Event.STUDY_AVAILABLE: {"available"}}[event]
    for at, resource in found:
        if resource.get("status") not in right:
            raise InvalidResource(
                f"The status of the {wanted} does not fit the event",
                expression=f"{at}.status",
                fix=f"With {event} it is {' or '.join(sorted(right))}.",
            )
