"""What a model says of a study, in FHIR: always preliminary, always labelled as a machine's.

Sources: http://hl7.org/fhir/R4/observation.html, http://hl7.org/fhir/R4/diagnosticreport.html; AI Transparency on FHIR.
"""

from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.imaging.domain.instance import Instance
from services.imaging.domain.reading import Finding, Model, Refusal, Region
from services.imaging.domain.study import Issuers, Study
from services.imaging.fhir.studies import imaging_study
from shared.events import Event
from shared.fhir import codes
from shared.fhir.message import Message

PNEUMONIA: Final = {"system": codes.SNOMED, "code": "233604007", "display": "Pneumonia"}
LUNG: Final = {"system": codes.SNOMED, "code": "39607008", "display": "Lung structure"}
REPORT_CODE: Final = {"system": codes.LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}
STATE_SYSTEM: Final = f"{codes.BASE}/CodeSystem/finding-state"
COMPONENT_SYSTEM: Final = f"{codes.BASE}/CodeSystem/finding-component"
STRUCTURE: Final = f"{codes.BASE}/StructureDefinition"
_CATEGORY: Final = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}
_ASSEMBLER: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "assembler",
}


def analysis_completed(
    study: Study, issuers: Issuers, model: Model, finding: Finding, heat_map: Instance, at: datetime
) -> Message:
    """The model answered.

    Args:
        heat_map: the derived instance.
        at: when it answered.
    """
    basis = _Basis(study, model, imaging_study(study, issuers, [finding.opinion.instance]), at)
    state = "flagged" if finding.flagged else "not-flagged"
    observation = basis.observation() | {
        "extension": [
            _extension("heat-map", heat_map.uid),
            _extension("heat-map-series", heat_map.series),
            _extension("image", finding.opinion.instance.uid),
            _extension("image-series", finding.opinion.instance.series),
            *([_extension("region", _fractions(finding.opinion.region))] if finding.opinion.region else []),
        ],
        "valueCodeableConcept": {"coding": [{"system": STATE_SYSTEM, "code": state}]},
        "component": [
            _component("probability", finding.opinion.probability),
            _component("threshold", model.threshold),
        ],
        "note": [{"text": f"Not checked: {limit}"} for limit in model.limits],
    }
    report = basis.report(observation, _sentence(model, finding))
    return basis.message(Event.ANALYSIS_COMPLETED, report, observation)


def analysis_refused(study: Study, issuers: Issuers, model: Model, refusal: Refusal, at: datetime) -> Message:
    """The study was not analysed, and that is said: it never looks like "normal"."""
    basis = _Basis(study, model, imaging_study(study, issuers), at)
    observation = basis.observation() | {
        "dataAbsentReason": {
            "coding": [{"system": codes.REASON_SYSTEM, "code": str(refusal.reason)}],
            "text": f"not analysed ({refusal.text})",
        }
    }
    return basis.message(Event.ANALYSIS_REFUSED, observation)


class _Basis:
    """What every answer about a study refers to; ids are made of what they name, so a repeat says the same."""

    def __init__(self, study: Study, model: Model, picture: dict[str, Any], at: datetime) -> None:
        self.study = study
        self.model = model
        self.picture = picture
        self.at = at.isoformat(timespec="milliseconds")
        self.device = _device(model)

    def id_of(self, kind: str) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self.study.uid}|{self.model.name}|{self.model.version}|{kind}"))

    def subject(self) -> dict[str, Any]:
        """Logical and literal, so that nobody needs a look-up."""
        if self.study.announcement is None:
            return dict(self.picture["subject"])
        patient = self.study.announcement.patient
        first = patient["identifier"][0]
        named = {name: first[name] for name in ("system", "value") if name in first}
        return ({"reference": f"urn:uuid:{patient['id']}"} if "id" in patient else {}) | {"identifier": named}

    def picture_reference(self) -> dict[str, Any]:
        return {
            "reference": f"urn:uuid:{self.picture['id']}",
            "identifier": codes.study_identifier(self.study.uid),
        }

    def device_reference(self) -> dict[str, Any]:
        return {"reference": f"urn:uuid:{self.device['id']}", "identifier": self.device["identifier"][0]}

    def observation(self) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": self.id_of("observation"),
            "meta": {"security": [codes.AI_ASSERTED]},
            "status": "preliminary",
            "category": [{"coding": [_CATEGORY]}],
            "code": {"coding": [PNEUMONIA], "text": "Pneumonia"},
            "subject": self.subject(),
            "effectiveDateTime": self.picture.get("started", self.at),
            "issued": self.at,
            "bodySite": {"coding": [LUNG]},
            "device": self.device_reference(),
            "derivedFrom": [self.picture_reference()],
        }

    def report(self, observation: dict[str, Any], conclusion: str) -> dict[str, Any]:
        number = f"ai-{self.study.uid}-{self.model.name}-{self.model.version}"
        made = {
            "resourceType": "DiagnosticReport",
            "id": self.id_of("report"),
            "meta": {"security": [codes.AI_ASSERTED]},
            "identifier": [{"system": codes.REPORT_SYSTEM, "value": number}],
            "status": "preliminary",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
            "code": {"coding": [REPORT_CODE]},
            "subject": self.subject(),
            "effectiveDateTime": self.picture.get("started", self.at),
            "issued": self.at,
            "result": [{"reference": f"urn:uuid:{observation['id']}"}],
            "imagingStudy": [self.picture_reference()],
            "conclusion": conclusion,
        }
        return made | ({"basedOn": self.picture["basedOn"]} if "basedOn" in self.picture else {})

    def message(self, event: Event, *said: dict[str, Any]) -> Message:
        provenance = {
            "resourceType": "Provenance",
            "id": self.id_of("provenance"),
            "target": [{"reference": f"urn:uuid:{resource['id']}"} for resource in said],
            "recorded": self.at,
            "agent": [{"type": {"coding": [_ASSEMBLER]}, "who": self.device_reference()}],
            "entity": [{"role": "source", "what": self.picture_reference()}],
        }
        return Message.build(
            event,
            self.study.lane,
            codes.correlation_of(self.study.uid),
            [*said, self.device, provenance, self.picture],
            id=self.id_of("message"),
        )


def _device(model: Model) -> dict[str, Any]:
    name = f"{model.name}|{model.version}"
    return {
        "resourceType": "Device",
        "id": str(uuid5(NAMESPACE_OID, f"{codes.MODEL_SYSTEM}|{name}")),
        "identifier": [{"system": codes.MODEL_SYSTEM, "value": name}],
        "deviceName": [{"name": model.name, "type": "model-name"}],
        "type": {"coding": [codes.AI_DEVICE], "text": "Trained image classifier"},
        "version": [{"value": model.version}],
        "property": [{"type": {"text": "sha256 of the weights"}, "valueCode": [{"text": model.digest}]}],
    }


def _sentence(model: Model, finding: Finding) -> str:
    said = "flags possible pneumonia" if finding.flagged else "does not flag pneumonia"
    place = f" on image {finding.opinion.instance.number}" if finding.opinion.instance.number is not None else ""
    several = f" (the highest of {finding.pictures} images)" if finding.pictures > 1 else ""
    unread = f" {finding.unread} image(s) could not be decoded." if finding.unread else ""
    return (
        f"The program {model.name} {model.version} {said}{place}{several}: probability "
        f"{finding.opinion.probability:.2f}, threshold {model.threshold:.2f}.{unread} Unsigned: a machine's opinion, "
        "not a diagnosis."
    )


def _fractions(region: Region) -> str:
    return ",".join(f"{value:.3f}" for value in region)


def _extension(name: str, value: str) -> dict[str, Any]:
    return {"url": f"{STRUCTURE}/{name}", "valueString": value}


def _component(name: str, value: float) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": COMPONENT_SYSTEM, "code": name}]},
        "valueQuantity": {"value": round(value, 4), "system": codes.UCUM, "code": "1"},
    }
