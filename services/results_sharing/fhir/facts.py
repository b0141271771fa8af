"""What a message says about a case; FHIR's optional fields are resolved here, once.

Sources: http://hl7.org/fhir/R4/servicerequest.html, imagingstudy.html, observation.html
"""

from datetime import datetime
from typing import Any

from services.results_sharing.domain.case import Hold
from services.results_sharing.domain.order import Order, Patient, Study
from services.results_sharing.fhir.elements import identifiers_of, instant, said_at, words_of
from shared.errors import InvalidResource
from shared.fhir.codes import REPORT_SYSTEM, STUDY_SYSTEM, study_uid
from shared.fhir.message import Message
from shared.fhir.subjects import is_labelled, is_test_patient

Resource = dict[str, Any]


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


def is_test(message: Message) -> bool:
    """Whether an event is about a phantom or a test patient: by the patient or the order, or as imaging labelled it."""
    labelled = [*message.resources("ImagingStudy"), *message.resources("ServiceRequest")]
    return any(map(is_test_patient, message.resources("Patient"))) or any(map(is_labelled, labelled))


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
        code=words_of(order.get("code")),
        reason=words_of(next(iter(order.get("reasonCode") or []), None)),
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


def _reference(resource: Resource) -> set[str]:
    return {f"urn:uuid:{resource['id']}"} if resource.get("id") else set()


def _name(name: Resource) -> str:
    given = " ".join(name.get("given") or [])
    parts = [part for part in (name.get("family"), given) if part]
    return ", ".join(parts) or name.get("text") or "(no name)"


def _updated(resource: Resource, message: Message) -> datetime:
    updated = (resource.get("meta") or {}).get("lastUpdated")
    return instant(updated, "Resource.meta.lastUpdated") if updated else said_at(message)
