"""One study as the hub's messages tell it, synthetic; each function says one event, at a minute of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.events import Event, Lane
from shared.fhir.codes import AI_ASSERTED, BASE, REASON_SYSTEM, REPORT_SYSTEM, correlation_of, study_identifier
from shared.fhir.message import Message
from shared.security import Principal, Role

MRN = "https://st-luke.example/mrn"
ACCESSION = "https://st-luke.example/accession"
PLACER = "https://st-luke.example/placer"
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"

Resource = dict[str, Any]


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def reader(name: str = "rosa") -> Principal:
    """A radiologist who is signed in."""
    number = f"00000000-0000-4000-8000-{abs(hash(name)) % 10**12:012d}"
    who = f"Practitioner/{number}"
    return Principal(name, f"Dr {name.title()}", Role.RADIOLOGIST, who, "user", frozenset(), str(uuid4()))


@dataclass
class Story:
    """Ids of one study, and what is said about it."""

    uid: str = "2.25.42"
    patient: str = field(default_factory=lambda: str(uuid4()))
    order: str = field(default_factory=lambda: str(uuid4()))
    accession: str = "A-1"
    placer: str = "P-1"
    priority: str = "stat"
    family: str = "Doe"

    def order_placed(self, minute: int = 0, **changes: Any) -> Message:
        """The EHR orders."""
        return self._say(
            Event.ORDER_PLACED, [self._order() | changes], minute, [self._patient()], correlation=self.order
        )

    def order_revoked(self, minute: int = 5) -> Message:
        """It takes the order back."""
        return self._say(Event.ORDER_REVOKED, [self._order() | {"status": "revoked"}], minute, correlation=self.order)

    def study_available(self, minute: int = 1) -> Message:
        """The EHR announces the study."""
        based = [
            {
                "reference": f"urn:uuid:{self.order}",
                "identifier": {"system": PLACER, "value": self.placer},
            }
        ]
        return self._say(Event.STUDY_AVAILABLE, [self._study(basedOn=based)], minute, [self._patient()])

    def instances_stored(self, minute: int = 2) -> Message:
        """Imaging has pixels."""
        return self._say(Event.INSTANCES_STORED, [self._study()], minute)

    def study_completed(self, minute: int = 3) -> Message:
        """Imaging has all of them."""
        return self._say(Event.STUDY_COMPLETED, [self._study()], minute)

    def study_held(self, code: str = "wrong-patient", minute: int = 3) -> Message:
        """Imaging lets no model read it."""
        issue = {"severity": "error", "code": "processing", "details": {"coding": [{"code": code}]}}
        why = {"resourceType": "OperationOutcome", "id": str(uuid4()), "issue": [issue]}
        return self._say(Event.STUDY_HELD, [self._study(), why], minute)

    def analysis_completed(self, minute: int = 4, *, flagged: bool = True, probability: float = 0.93) -> Message:
        """A model answered."""
        state = "flagged" if flagged else "not-flagged"
        finding = self._observation() | {
            "valueCodeableConcept": {"coding": [{"system": f"{BASE}/CodeSystem/finding-state", "code": state}]},
            "component": [_number("probability", probability), _number("threshold", 0.5)],
            "note": [{"text": "Does not look for fractures."}],
            "extension": [
                {"url": f"{BASE}/StructureDefinition/heat-map", "valueString": "2.25.99"},
                {"url": f"{BASE}/StructureDefinition/heat-map-series", "valueString": "2.25.98"},
                {"url": f"{BASE}/StructureDefinition/region", "valueString": "0.1,0.2,0.3,0.4"},
            ],
        }
        report = {
            "resourceType": "DiagnosticReport",
            "id": str(uuid4()),
            "status": "preliminary",
            "identifier": [{"system": REPORT_SYSTEM, "value": f"ai-{self.uid}-chest-1"}],
            "code": {"text": "Chest"},
        }
        others = [self._device(), self._study()]
        return self._say(Event.ANALYSIS_COMPLETED, [report, finding], minute, others)

    def analysis_refused(self, minute: int = 4, code: str = "adult") -> Message:
        """A model did not look."""
        absent = {"coding": [{"system": REASON_SYSTEM, "code": code}], "text": f"not analysed ({code})"}
        finding = self._observation() | {"dataAbsentReason": absent}
        return self._say(Event.ANALYSIS_REFUSED, [finding], minute, [self._device(), self._study()])

    def patient_changed(self, minute: int, family: str) -> Message:
        """The patient's name was corrected."""
        changed = self._patient() | {"name": [{"family": family}], "meta": {"lastUpdated": at(minute)}}
        return self._say(Event.RESOURCE_CHANGED, [changed], minute)

    def _say(
        self,
        event: Event,
        focus: list[Resource],
        minute: int,
        others: list[Resource] | None = None,
        *,
        correlation: str | None = None,
    ) -> Message:
        message = Message.build(event, Lane.STAT, correlation or correlation_of(self.uid), focus, others or [])
        message.bundle["timestamp"] = at(minute)
        return message

    def _patient(self) -> Resource:
        return {
            "resourceType": "Patient",
            "id": self.patient,
            "identifier": [{"system": MRN, "value": "M-1"}],
            "name": [{"family": self.family, "given": ["Ann"]}],
            "birthDate": "2020-02-02",
            "gender": "female",
            "meta": {"lastUpdated": at(0)},
        }

    def _subject(self) -> Resource:
        return {"reference": f"urn:uuid:{self.patient}", "identifier": {"system": MRN, "value": "M-1"}}

    def _order(self) -> Resource:
        return {
            "resourceType": "ServiceRequest",
            "id": self.order,
            "status": "active",
            "intent": "order",
            "priority": self.priority,
            "identifier": [
                {"system": PLACER, "value": self.placer, "type": {"coding": [{"system": V2, "code": "PLAC"}]}},
                {"system": ACCESSION, "value": self.accession, "type": {"coding": [{"system": V2, "code": "ACSN"}]}},
            ],
            "code": {"text": "Chest radiograph"},
            "reasonCode": [{"text": "Cough"}],
            "subject": self._subject(),
        }

    def _study(self, **more: Any) -> Resource:
        return {
            "resourceType": "ImagingStudy",
            "id": str(uuid4()),
            "status": "available",
            "identifier": [study_identifier(self.uid)],
            "subject": self._subject(),
            "started": "2026-11-24T07:55:00Z",
            "description": "Chest, one view",
            "modality": [{"code": "DX"}],
            **more,
        }

    def _observation(self) -> Resource:
        return {
            "resourceType": "Observation",
            "id": str(uuid4()),
            "status": "preliminary",
            "meta": {"security": [AI_ASSERTED]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "233604007", "display": "Pneumonia"}]},
            "subject": self._subject(),
        }

    def _device(self) -> Resource:
        return {
            "resourceType": "Device",
            "id": str(uuid4()),
            "deviceName": [{"name": "chest", "type": "model-name"}],
            "version": [{"value": "1"}],
        }


def _number(code: str, value: float) -> Resource:
    coding = {"system": f"{BASE}/CodeSystem/finding-component", "code": code}
    return {"code": {"coding": [coding]}, "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org"}}
