"""What every result of prediction refers to: the patient, the program, the Observations used, and what it is made of.

Source: http://hl7.org/fhir/R4/messaging.html
"""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from services.prediction.domain.estimate import Estimate, Model
from services.prediction.domain.record import Person
from services.prediction.fhir.elements import contributions, device, extension, provenance
from shared.events import Event, Lane
from shared.fhir import codes
from shared.fhir.message import Message

Resource = dict[str, Any]


class About:
    """What every result refers to; a patient has one resource of each method, which gets new versions."""

    def __init__(self, person: Person, estimate: Estimate, model: Model, at: datetime) -> None:
        self.person, self.estimate, self.model = person, estimate, model
        self.at = at.isoformat(timespec="milliseconds")
        self.taken = estimate.at.isoformat() if estimate.at else self.at
        self.device = device(model)

    def id_of(self, kind: str) -> str:
        """The one id of this patient's result of this method."""
        return str(uuid5(NAMESPACE_OID, f"{self.person.id}|{self.estimate.method}|{kind}"))

    def subject(self) -> Resource:
        """The patient, literal and logical, so that nobody needs a look-up."""
        named = self.person.identifier
        known = {"identifier": {"system": named[0], "value": named[1]}} if named else {}
        return {"reference": f"urn:uuid:{self.person.id}"} | known

    def meta(self, profile: str) -> Resource:
        """Said by a machine."""
        return {"profile": [f"{codes.BASE}/StructureDefinition/{profile}"], "security": [codes.AI_ASSERTED]}

    def extensions(self) -> list[Resource]:
        """The model's card, the contributions with what they sum to, and what is missing."""
        own, model = self.estimate, self.model
        made = [extension("model-card", valueUri=f"{codes.BASE}/models/{model.name}/{model.version}/card")]
        made += contributions(own.contributions)
        if own.linear is not None:
            made.append(extension("linear-predictor", valueDecimal=round(own.linear, 6)))
        if own.reference is not None:
            made.append(extension("reference-risk", valueDecimal=round(own.reference, 6)))
        return made + [extension("missing", valueString=one) for one in own.missing]

    def basis(self) -> list[Resource]:
        """The Observations used."""
        return [{"reference": f"urn:uuid:{source}", "type": "Observation"} for source in self.estimate.basis]

    def message(self, event: Event, lane: Lane, made: Resource, correlation: str) -> Message:
        """The event about a result, with its program and provenance."""
        said = provenance(self.id_of("provenance"), made, self.device, self.basis(), self.at)
        message = Message.build(event, lane, correlation, [made], [self.device, said])
        message.bundle["timestamp"] = self.at  # the database's clock, and later than what was said before
        return message
