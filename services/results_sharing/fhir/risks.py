"""What prediction said, from its RiskAssessment, Observation or Flag.

Sources: http://hl7.org/fhir/R4/riskassessment.html, flag.html
"""

from typing import Any

from services.results_sharing.domain.risk import Contribution, Risk
from services.results_sharing.fhir.elements import said_at, words_of
from shared.errors import InvalidResource
from shared.fhir.codes import BASE
from shared.fhir.message import Message

Resource = dict[str, Any]

_STRUCTURE = f"{BASE}/StructureDefinition"
KINDS = ("RiskAssessment", "Observation", "Flag")


def risk_from(message: Message) -> Risk:
    """The result in a message of prediction.

    Raises:
        InvalidResource: it carries none, or not of which patient or program.
    """
    resource = next((one for one in message.focus if one.get("resourceType") in KINDS), None)
    if resource is None:
        raise InvalidResource("The message carries no result", expression="MessageHeader.focus")
    device = message.resource("Device")
    extensions = resource.get("extension") or []
    notes = [note["text"] for note in resource.get("note") or [] if note.get("text")]
    notes += _values(extensions, "note")
    result, notes = _result(resource, notes)
    return Risk(
        resource=f"{resource['resourceType']}/{resource['id']}",
        patient=_patient(resource),
        method=_name(device),
        at=said_at(message),
        title=_title(resource),
        result=result,
        taken_at=resource.get("occurrenceDateTime") or resource.get("effectiveDateTime") or _start(resource),
        value=_value(resource),
        label=_label(resource),
        reference=next(iter(_values(extensions, "reference-risk")), None),
        contributions=tuple(_contribution(one) for one in extensions if one.get("url") == f"{_STRUCTURE}/contribution"),
        missing=tuple(_values(extensions, "missing")),
        notes=tuple(notes),
        model=_name(device),
        model_version=next((version.get("value") for version in device.get("version") or []), None),
        preliminary=resource.get("status") in {"preliminary", "active"},
        active=resource.get("status") != "inactive",
        assessed=resource.get("status") != "cancelled",
    )


def _title(resource: Resource) -> str:
    """A Flag's text is its result; its code says what it is about."""
    if resource["resourceType"] == "Flag":
        coded = {"coding": (resource.get("code") or {}).get("coding")}
        return str(words_of(coded) or "Alert")
    return str(words_of(resource.get("code")) or "Estimate")


def _result(resource: Resource, notes: list[str]) -> tuple[str, list[str]]:
    """The sentence, and the notes without it: prediction's first note is the result in words."""
    if resource["resourceType"] == "Flag":
        return str(words_of(resource.get("code")) or ""), notes
    return (notes[0], notes[1:]) if notes else ("", [])


def _value(resource: Resource) -> float | None:
    match resource:
        case {"prediction": [{"probabilityDecimal": value}, *_]} | {"valueQuantity": {"value": value}}:
            return float(value)
        case _:
            return None


def _label(resource: Resource) -> str | None:
    match resource:
        case {"prediction": [{"qualitativeRisk": {"text": str(text)}}, *_]}:
            return text
        case _:
            return None


def _contribution(extension: Resource) -> Contribution:
    parts = {one.get("url"): one for one in extension.get("extension") or []}
    return Contribution(
        text=str(words_of(parts.get("factor", {}).get("valueCodeableConcept")) or ""),
        linear=float(parts.get("linearPredictor", {}).get("valueDecimal", 0)),
        difference=parts.get("riskDifference", {}).get("valueDecimal"),
    )


def _values(extensions: list[Resource], name: str) -> list[Any]:
    found = (one for one in extensions if one.get("url") == f"{_STRUCTURE}/{name}")
    return [value for one in found for key, value in one.items() if key.startswith("value")]


def _patient(resource: Resource) -> str:
    reference = str((resource.get("subject") or {}).get("reference") or "")
    if not reference.startswith("urn:uuid:"):
        raise InvalidResource("The result does not say of whom", expression=f"{resource['resourceType']}.subject")
    return reference.removeprefix("urn:uuid:")


def _name(device: Resource) -> str:
    name = next((one.get("name") for one in device.get("deviceName") or []), None)
    if not name:
        raise InvalidResource("The program has no name", expression="Device.deviceName")
    return str(name)


def _start(resource: Resource) -> str | None:
    return (resource.get("period") or {}).get("start")
