"""FHIR's small parts, resolved once: identifiers, coded concepts, instants.

Source: http://hl7.org/fhir/R4/datatypes.html
"""

from datetime import datetime
from typing import Any

from services.results_sharing.domain.order import Identifier
from shared.errors import InvalidResource
from shared.fhir.message import Message

Resource = dict[str, Any]


def said_at(message: Message) -> datetime:
    """When the event was said.

    Raises:
        InvalidResource: the Bundle has no time.
    """
    return instant(message.bundle.get("timestamp"), "Bundle.timestamp")


def identifiers_of(resource: Resource) -> tuple[Identifier, ...]:
    """Identifiers with a system and a value."""
    made = []
    for identifier in resource.get("identifier") or []:
        match identifier:
            case {"system": str(system), "value": str(value)}:
                made.append(Identifier(system, value, code_of(identifier.get("type"))))
            case _:
                pass
    return tuple(made)


def code_of(concept: Resource | None) -> str | None:
    """The first code of a CodeableConcept."""
    return next((str(coding["code"]) for coding in (concept or {}).get("coding") or [] if coding.get("code")), None)


def words_of(concept: Resource | None) -> str | None:
    """A CodeableConcept as people read it."""
    if not concept:
        return None
    displays = (coding.get("display") for coding in concept.get("coding") or [])
    return concept.get("text") or next((display for display in displays if display), None)


def instant(text: str | None, expression: str) -> datetime:
    """The time that an instant names.

    Raises:
        InvalidResource: it names none, or no time zone.
    """
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        raise InvalidResource("This is not an instant", expression=expression, fix="Use FHIR's instant.") from None
    if at.tzinfo is None:
        raise InvalidResource("The instant has no time zone", expression=expression)
    return at
