"""What a message says about a case; FHIR's optional fields are resolved here, once.

Sources: http://hl7.org/fhir/R4/servicerequest.html, imagingstudy.html, observation.html
"""

from datetime import datetime
from typing import Any, Final

from services.results_sharing.domain.case import Answer, Hold, Identifier, Order, Patient, Study
from shared.errors import InvalidResource
from shared.fhir.codes import BASE, REPORT_SYSTEM, STUDY_SYSTEM, study_uid
from shared.fhir.message import Message

Resource = dict[str, Any]

REASONS: Final = {
    "adult": "adult",
    "age-unknown": "age unknown",
    "too-young": "too young",
    "modality": "another kind of image",
    "body-part": "another body part",
    "unlike-training-data": "unlike the images the model learned from",
    "unreadable": "the image cannot be read",
    "no-pixels": "no image in the study",
    "model-failed": "the model failed",
}
"""Codes of *not analysed* in words."""


def said_at(message: Message) -> datetime:
    """When the event was said.

    Raises:
        InvalidResource: the Bundle has no time.
    """
    return _instant(message.bundle.get("timestamp"), "Bundle.timestamp")


def study_uid_of(message: Message) -> str | None:
    """The Study Instance UID that an event is about, if it names one."""
    uids = (study_uid(study) for study in message.resources("ImagingStudy"))
    return next((uid for uid in uids if uid), None)


def order_keys_of(message: Message) -> frozenset[str]:
    """By what an event knows its order: identifiers and reference of the ServiceRequest, accession of the study."""
    keys: set[str] = set()
    for order in message.resources("ServiceRequest"):
        keys |= {found.key for found in identifiers_of(order)} | _reference(order)
    for study in message.resources("ImagingStudy"):
        keys |= {found.key for found in identifiers_of(study) if found.type == "ACSN"}
        for reference in study.get("basedOn") or []:
            keys |= {reference["reference"]} if reference.get("reference") else set()
            keys |= {found.key for found in identifiers_of({"identifier": [reference.get("identifier") or {}]})}
    return frozenset(keys)


def case_id_of(message: Message) -> str | None:
    """The case that the hub's own report identifier names."""
    for report in message.resources("DiagnosticReport"):
        for identifier in identifiers_of(report):
            if identifier.system == REPORT_SYSTEM and not identifier.value.startswith("ai-"):
                return identifier.value
    return None


def patient_id_of(message: Message) -> str | None:
    """The hub's id of the patient whom the event is about."""
    for patient in message.resources("Patient"):
        return str(patient["id"])
    for kind in ("ServiceRequest", "ImagingStudy", "DiagnosticReport", "Observation"):
        for resource in message.resources(kind):
            reference = str((resource.get("subject") or {}).get("reference") or "")
            if reference.startswith("urn:uuid:"):
                return reference.removeprefix("urn:uuid:")
    return None


def patients_from(message: Message) -> list[Patient]:
    """The demographics that a message carries."""
    made = []
    for patient in message.resources("Patient"):
        names = patient.get("name") or [{}]
        official = next((name for name in names if name.get("use") == "official"), names[0])
        made.append(
            Patient(
                id=str(patient["id"]),
                identifiers=identifiers_of(patient),
                name=_name(official),
                birth_date=patient.get("birthDate"),
                sex=patient.get("gender"),
                at=_updated(patient, message),
            )
        )
    return made


def order_from(message: Message) -> Order:
    """The order in a message.

    Raises:
        InvalidResource: it carries no ServiceRequest, or nothing to know it by.
    """
    order = message.resource("ServiceRequest")
    if not (identifiers_of(order) or order.get("id")):
        raise InvalidResource("The order has no identifier", expression="ServiceRequest.identifier")
    return Order(
        reference=f"urn:uuid:{order.get('id', '')}",
        identifiers=identifiers_of(order),
        priority=order.get("priority"),
        code=_words(order.get("code")),
        reason=_words(next(iter(order.get("reasonCode") or []), None)),
        requester=(order.get("requester") or {}).get("display"),
        at=_updated(order, message),
    )


def study_from(message: Message) -> Study:
    """The imaging study in a message.

    Raises:
        InvalidResource: it carries none with a Study Instance UID.
    """
    study = message.resource("ImagingStudy")
    if study_uid(study) is None:
        raise InvalidResource(
            "The study has no Study Instance UID",
            expression="ImagingStudy.identifier",
            fix=f"Give it an identifier of system {STUDY_SYSTEM}.",
        )
    modalities = study.get("modality") or [series.get("modality") or {} for series in study.get("series") or []]
    return Study(
        description=study.get("description"),
        modality=next((coding.get("code") for coding in modalities), None),
        started=study.get("started"),
        instances=study.get("numberOfInstances"),
        at=said_at(message),
    )


def hold_from(message: Message) -> Hold:
    """Why imaging held the study.

    Raises:
        InvalidResource: the message does not say.
    """
    match message.resource("OperationOutcome"):
        case {"issue": [{"details": {"coding": [{"code": str(code)}, *_]}}, *_]}:
            return Hold(code, said_at(message))
        case _:
            raise InvalidResource("The message does not say why", expression="OperationOutcome.issue.details.coding")


def answer_from(message: Message) -> Answer:
    """What a model said; of several findings the flagged one first.

    Raises:
        InvalidResource: the message carries neither a finding nor a reason.
    """
    answers = [_answer(observation, message) for observation in message.resources("Observation")]
    if not answers:
        message.resource("Observation")
    return max(answers, key=lambda answer: (bool(answer.flagged), answer.flagged is not None))


def _answer(observation: Resource, message: Message) -> Answer:
    extensions = {
        extension.get("url"): extension.get("valueString") for extension in observation.get("extension") or []
    }
    parts = {
        _code(part.get("code")): (part.get("valueQuantity") or {}).get("value")
        for part in observation.get("component") or []
    }
    device = next(iter(message.resources("Device")), {})
    absent = observation.get("dataAbsentReason")
    state = _code(observation.get("valueCodeableConcept"))
    if absent is None and state not in {"flagged", "not-flagged"}:
        raise InvalidResource("The finding has neither a state nor a reason", expression="Observation.value")
    reports = [found.value for report in message.resources("DiagnosticReport") for found in identifiers_of(report)]
    return Answer(
        at=said_at(message),
        flagged=None if absent is not None else state == "flagged",
        reason=_reason(absent) if absent is not None else None,
        finding=_words(observation.get("code")),
        model=next((name.get("name") for name in device.get("deviceName") or []), None),
        model_version=next((version.get("value") for version in device.get("version") or []), None),
        model_digest=_digest(device),
        probability=parts.get("probability"),
        threshold=parts.get("threshold"),
        region=extensions.get(f"{BASE}/StructureDefinition/region"),
        heat_map=extensions.get(f"{BASE}/StructureDefinition/heat-map"),
        heat_map_series=extensions.get(f"{BASE}/StructureDefinition/heat-map-series"),
        unchecked=tuple(note["text"] for note in observation.get("note") or [] if note.get("text")),
        report=next(iter(reports), None),
        observation=observation,
    )


def _reason(absent: Resource) -> str:
    code = _code(absent)
    return REASONS.get(code or "", (code or absent.get("text") or "no reason given").replace("-", " "))


def _digest(device: Resource) -> str | None:
    for property_ in device.get("property") or []:
        for value in property_.get("valueCode") or []:
            if text := value.get("text") or _code(value):
                return str(text)
    return None


def identifiers_of(resource: Resource) -> tuple[Identifier, ...]:
    """Identifiers with a system and a value."""
    made = []
    for identifier in resource.get("identifier") or []:
        match identifier:
            case {"system": str(system), "value": str(value)}:
                made.append(Identifier(system, value, _code(identifier.get("type"))))
            case _:
                pass
    return tuple(made)


def _reference(resource: Resource) -> set[str]:
    return {f"urn:uuid:{resource['id']}"} if resource.get("id") else set()


def _code(concept: Resource | None) -> str | None:
    return next((str(coding["code"]) for coding in (concept or {}).get("coding") or [] if coding.get("code")), None)


def _words(concept: Resource | None) -> str | None:
    if not concept:
        return None
    displays = (coding.get("display") for coding in concept.get("coding") or [])
    return concept.get("text") or next((display for display in displays if display), None)


def _name(name: Resource) -> str:
    given = " ".join(name.get("given") or [])
    parts = [part for part in (name.get("family"), given) if part]
    return ", ".join(parts) or name.get("text") or "(no name)"


def _updated(resource: Resource, message: Message) -> datetime:
    updated = (resource.get("meta") or {}).get("lastUpdated")
    return _instant(updated, "Resource.meta.lastUpdated") if updated else said_at(message)


def _instant(text: str | None, expression: str) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        raise InvalidResource("This is not an instant", expression=expression, fix="Use FHIR's instant.") from None
    if at.tzinfo is None:
        raise InvalidResource("The instant has no time zone", expression=expression)
    return at
