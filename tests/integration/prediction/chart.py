"""One synthetic patient's chart, as the gateway's messages tell it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.prediction import tasks
from shared.events import Event, Lane
from shared.fhir.codes import LOINC, SNOMED, UCUM
from shared.fhir.message import Message

MRN = "https://st-luke.example/mrn"
NOW = datetime.now(UTC).replace(microsecond=0)

Resource = dict[str, Any]


@dataclass
class Chart:
    """A patient of 50 years, unless it is said otherwise."""

    patient: str = field(default_factory=lambda: str(uuid4()))
    born: str = f"{NOW.year - 50}-01-01"
    sex: str = "male"

    def person(self, version: int = 1, **changes: Any) -> Message:
        """The patient's demographics."""
        made = {
            "resourceType": "Patient",
            "id": self.patient,
            "meta": {"versionId": str(version)},
            "identifier": [{"system": MRN, "value": "SYN-1"}],
            "birthDate": self.born,
            "gender": self.sex,
        }
        return say(made | changes)

    def quantity(self, loinc: str, value: float, unit: str | None, days: float = 1, **changes: Any) -> Resource:
        """A measured value, some days ago."""
        quantity = {"value": value} | ({"system": UCUM, "code": unit} if unit else {})
        return self.observation(loinc, days, valueQuantity=quantity) | changes

    def smoking(self, snomed: str = "449868002") -> Resource:
        """The answer about smoking: daily."""
        return self.observation("72166-2", 3, valueCodeableConcept={"coding": [{"system": SNOMED, "code": snomed}]})

    def observation(self, loinc: str, days: float, **value: Any) -> Resource:
        """An Observation."""
        return {
            "resourceType": "Observation",
            "id": str(uuid4()),
            "meta": {"versionId": "1"},
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": loinc}]},
            "subject": {"reference": f"urn:uuid:{self.patient}", "identifier": {"system": MRN, "value": "SYN-1"}},
            "effectiveDateTime": (NOW - timedelta(days=days)).isoformat(),
            **value,
        }

    def heart(self) -> list[Message]:
        """Everything that SCORE2 takes: 6.3 % in a low-risk region."""
        return [
            self.person(),
            *map(
                say,
                (
                    self.smoking(),
                    self.quantity("8480-6", 140, "mm[Hg]"),
                    self.quantity("2093-3", 2.436194895, "g/L"),
                    self.quantity("2085-9", 1.4, "mmol/L"),
                ),
            ),
        ]

    def creatinine(self, value: float, days: float, unit: str | None = "umol/L", **changes: Any) -> Resource:
        """A creatinine."""
        interval = [{"low": {"value": 59}, "high": {"value": 104}}]
        return self.quantity("14682-9", value, unit, days, referenceRange=interval) | changes


def corrected(resource: Resource, version: int = 2, **changes: Any) -> Resource:
    """A later version of a resource."""
    return resource | {"meta": {"versionId": str(version)}} | changes


def say(*resources: Resource, event: Event = Event.RESOURCE_CHANGED) -> Message:
    """The gateway's word about resources."""
    return Message.build(event, Lane.ROUTINE, str(uuid4()), list(resources))


def hear(*messages: Message) -> None:
    """Let prediction hear them."""
    for message in messages:
        tasks.take(message)
