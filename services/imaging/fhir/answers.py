"""What a model says of a study, in FHIR: always preliminary, always labelled as a machine's.

Sources: http://hl7.org/fhir/R4/observation.html, http://hl7.org/fhir/R4/diagnosticreport.html; AI Transparency on FHIR.
"""

from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Concept, Model
from services.imaging.domain.reading import Coverage, Finding, Refusal, Region, not_checked
from services.imaging.domain.results import Kind, instance_uid, kinds
from services.imaging.domain.study import Issuers, Study
from services.imaging.fhir.extents import COMPONENT_SYSTEM, concept, extent_of
from services.imaging.fhir.studies import imaging_study
from shared.events import Event
from shared.fhir import codes
from shared.fhir.message import Message

REPORT_CODE: Final = {"system": codes.LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}
STATE_SYSTEM: Final = f"{codes.BASE}/CodeSystem/finding-state"
DIGEST_SYSTEM: Final = f"{codes.BASE}/NamingSystem/model-digest"
STRUCTURE: Final = f"{codes.BASE}/StructureDefinition"
CONFIDENCE: Final = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence"
_CATEGORY: Final = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}
_ASSEMBLER: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
    "code": "assembler",
}


def analysis_completed(
    study: Study, issuers: Issuers, model: Model, finding: Finding, heat_map: Instance | None, at: datetime
) -> Message:
    """The model answered.

    Args:
        heat_map: the derived instance, where the model explains itself.
        at: when it answered.
    """
    basis = _Basis(study, model, imaging_study(study, issuers, [finding.opinion.instance]), at)
    shared = {
        "extension": _places(finding, heat_map),
        "note": [{"text": f"Not checked: {limit}"} for limit in not_checked(model, finding.coverage)],
    }
    said = []
    if any(category.flags for category in model.categories):
        said.append(basis.observation(model.categories[finding.category].what) | shared | _found(model, finding))
    if model.measure:
        said.append(basis.observation(model.measure.what, "measure") | shared | _measured(model, finding))
    for observation in said:
        observation["component"] = [*observation.get("component", []), *_images(finding.coverage)]
        observation["component"] += extent_of(model, finding.opinion.extent) if "valueQuantity" in observation else []
    report = basis.report(said, _sentence(model, finding))
    report["extension"] = [
        _dicom_result(kind, instance_uid(study.uid, model, kind))
        for kind in kinds(model, finding, explained=heat_map is not None)
    ]
    return basis.message(Event.ANALYSIS_COMPLETED, report, *said)


def analysis_refused(study: Study, issuers: Issuers, model: Model, refusal: Refusal, at: datetime) -> Message:
    """The study was not analysed, and that is said: it never looks like "normal"."""
    basis = _Basis(study, model, imaging_study(study, issuers), at)
    observation = basis.observation(model.finding) | {
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

    def observation(self, what: Concept, kind: str = "observation") -> dict[str, Any]:
        made = {
            "resourceType": "Observation",
            "id": self.id_of(kind),
            "meta": {"security": [codes.AI_ASSERTED]},
            "status": "preliminary",
            "category": [{"coding": [_CATEGORY]}],
            "code": concept(what),
            "subject": self.subject(),
            "effectiveDateTime": self.picture.get("started", self.at),
            "issued": self.at,
            "device": self.device_reference(),
            "derivedFrom": [self.picture_reference()],
        }
        return made | ({"bodySite": concept(self.model.region)} if self.model.region else {})

    def report(self, said: list[dict[str, Any]], conclusion: str) -> dict[str, Any]:
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
            "result": [{"reference": f"urn:uuid:{observation['id']}"} for observation in said],
            "imagingStudy": [self.picture_reference()],
            "conclusion": conclusion,
        }
        return made | ({"basedOn": self.picture["basedOn"]} if "basedOn" in self.picture else {})

    def message(self, event: Event, *said: dict[str, Any]) -> Message:
        package = {"type": "Device", "identifier": {"system": DIGEST_SYSTEM, "value": self.model.digest}}
        provenance = {
            "resourceType": "Provenance",
            "id": self.id_of("provenance"),
            "target": [{"reference": f"urn:uuid:{resource['id']}"} for resource in said],
            "occurredDateTime": self.at,
            "recorded": self.at,
            "agent": [{"type": {"coding": [_ASSEMBLER]}, "who": self.device_reference()}],
            "entity": [{"role": "source", "what": self.picture_reference()}, {"role": "derivation", "what": package}],
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
        "type": {"coding": [codes.AI_DEVICE], "text": f"Trained image model ({model.task})"},
        "version": [{"value": model.version}],
        "property": [{"type": {"text": "sha256 of the model package"}, "valueCode": [{"text": model.digest}]}],
    }


def _found(model: Model, finding: Finding) -> dict[str, Any]:
    """A binary finding has its probability and threshold; of several classes each has its own component too."""
    category = model.categories[finding.category]
    components = [_component("probability", finding.probability), _component("threshold", category.threshold)]
    if len(model.categories) > 1:
        components += [
            {"code": concept(each.what), "valueQuantity": _share(score)}
            for each, score in zip(model.categories, finding.opinion.scores, strict=True)
        ]
    state = "flagged" if finding.flagged else "not-flagged"
    confidence = {"url": CONFIDENCE, "valueDecimal": round(finding.probability, 4)}
    value = {"extension": [confidence], "coding": [{"system": STATE_SYSTEM, "code": state}]}
    return {"valueCodeableConcept": value, "component": components}


def _measured(model: Model, finding: Finding) -> dict[str, Any]:
    unit = model.measure.unit if model.measure else "1"
    value = round(finding.opinion.measure or 0.0, 4)
    return {"valueQuantity": {"value": value, "unit": unit, "system": codes.UCUM, "code": unit}}


def _places(finding: Finding, heat_map: Instance | None) -> list[dict[str, Any]]:
    opinion = finding.opinion
    return [
        *([_extension("heat-map", heat_map.uid), _extension("heat-map-series", heat_map.series)] if heat_map else []),
        _extension("image", opinion.instance.uid),
        _extension("image-series", opinion.instance.series),
        *([_extension("image-number", str(opinion.instance.number))] if opinion.instance.number is not None else []),
        *([_extension("image-frame", str(opinion.frame))] if opinion.instance.frames > 1 else []),
        *([_extension("region", _fractions(opinion.region))] if opinion.region else []),
    ]


def _sentence(model: Model, finding: Finding) -> str:
    opinion = finding.opinion
    said = []
    if any(category.flags for category in model.categories):
        category = model.categories[finding.category]
        verb = "flags possible" if finding.flagged else "does not flag"
        numbers = f"probability {finding.probability:.2f}, threshold {category.threshold:.2f}"
        said.append(f"{verb} {_lowered(category.what.text)}{_place(finding)}: {numbers}")
    if model.measure:
        of = f" of the {model.measure.of}" if model.measure.of else ""
        value = f"{opinion.measure or 0.0:.1f} {model.measure.unit}{of}"
        said.append(f"measures {_lowered(model.measure.what.text)} {value}{_place(finding)}")
    images = "" if finding.coverage.is_whole else f" {finding.coverage.words}."
    return (
        f"The program {model.name} {model.version} {'; it '.join(said)}.{images} Unsigned: a machine's opinion, "
        "not a diagnosis."
    )


def _place(finding: Finding) -> str:
    instance, extent = finding.opinion.instance, finding.opinion.extent
    if extent:
        return f" {extent.words}" if extent.words else f" in a volume of {extent.slices} slices"
    image = f" on image {instance.number}" if instance.number is not None else ""
    frame = f" frame {finding.opinion.frame}" if instance.frames > 1 else ""
    read = finding.coverage.read
    return f"{image}{frame}" + (f" (the highest of {read} images)" if read > 1 else "")


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _fractions(region: Region) -> str:
    return ",".join(f"{value:.3f}" for value in region)


def _extension(name: str, value: str) -> dict[str, Any]:
    return {"url": f"{STRUCTURE}/{name}", "valueString": value}


def _dicom_result(kind: Kind, uid: str) -> dict[str, Any]:
    """A DICOM object of this answer, made right after it is said: by its SOP Instance UID."""
    identified = {"type": {"text": kind.description}, "system": codes.STUDY_SYSTEM, "value": f"urn:oid:{uid}"}
    return {"url": f"{STRUCTURE}/dicom-result", "valueIdentifier": identified}


def _component(name: str, value: float) -> dict[str, Any]:
    return {"code": {"coding": [{"system": COMPONENT_SYSTEM, "code": name}]}, "valueQuantity": _share(value)}


def _images(coverage: Coverage) -> list[dict[str, Any]]:
    """How many images were read, and of those that were not, how many for which reason."""
    return [
        {"code": {"coding": [{"system": COMPONENT_SYSTEM, "code": f"images-{name}"}]}, "valueInteger": count}
        for name, count in coverage._asdict().items()
        if count or name == "read"
    ]


def _share(value: float) -> dict[str, Any]:
    return {"value": round(value, 4), "system": codes.UCUM, "code": "1"}
