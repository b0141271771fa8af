"""What the hospital says: who the patient is, what was ordered, which study there is."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Identifier:
    """A business identifier of the hospital.

    Attributes:
        type: HL7 v2-0203 code, such as ACSN (accession) or PLAC (placer), when the hospital gave one.
    """

    system: str
    value: str
    type: str | None = None

    @property
    def key(self) -> str:
        """The identifier as one string, to compare and to look up."""
        return f"{self.system}|{self.value}"


@dataclass(frozen=True)
class Patient:
    """The demographics that a reader needs.

    Attributes:
        id: the hub's own id of the patient.
        birth_date: FHIR date, possibly a year only.
        at: when the source said so; an older statement never replaces a newer one.
    """

    id: str
    identifiers: tuple[Identifier, ...]
    name: str
    birth_date: str | None
    sex: str | None
    at: datetime


@dataclass(frozen=True)
class Order:
    """What the hospital asked for.

    Attributes:
        reference: the hub's `urn:uuid:` of the ServiceRequest.
        priority: FHIR request-priority.
    """

    reference: str
    identifiers: tuple[Identifier, ...]
    priority: str | None
    code: str | None
    reason: str | None
    requester: str | None
    at: datetime


@dataclass(frozen=True)
class Study:
    """The imaging study, as the hospital announced it or as its pixels say.

    Attributes:
        instances: number of instances, when known.
        started: FHIR dateTime.
    """

    description: str | None
    modality: str | None
    started: str | None
    instances: int | None
    at: datetime
