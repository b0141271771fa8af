"""What a message says of patients: the person, and what Observations and Conditions say to the methods.

Sources: http://hl7.org/fhir/R4/observation.html, condition.html, patient.html
"""

from datetime import date
from typing import Any, Final

from services.prediction.domain.record import Disease, Input, Person
from services.prediction.fhir.observations import codings, readings_of
from shared.fhir import codes
from shared.fhir.message import Message

Resource = dict[str, Any]

_DENIED: Final = frozenset({"refuted", "entered-in-error"})
_SNOMED: Final = {
    "46635009": Disease.DIABETES,
    "44054006": Disease.DIABETES,
    "73211009": Disease.DIABETES,
    "230690007": Disease.CARDIOVASCULAR,
    "266257000": Disease.CARDIOVASCULAR,
    "22298006": Disease.CARDIOVASCULAR,
    "399957001": Disease.CARDIOVASCULAR,
    "433144002": Disease.KIDNEY,
    "431857002": Disease.KIDNEY,
    "433146000": Disease.KIDNEY,
}
_ICD10: Final = (
    (("E10", "E11", "E12", "E13", "E14"), Disease.DIABETES),
    (("I21", "I22", "I25.2", "I60", "I61", "I63", "I64", "G45", "I70", "I73.9", "I74"), Disease.CARDIOVASCULAR),
    (("N18.3", "N18.4", "N18.5"), Disease.KIDNEY),
)
"""Beginnings of codes; subtypes in SNOMED CT are not followed, since no terminology server stands by."""


def persons_from(message: Message) -> list[tuple[Person, int]]:
    """The patients that a message carries, each with its version at the gateway."""
    return [(_person(patient), _version(patient)) for patient in message.resources("Patient") if patient.get("id")]


def inputs_from(message: Message) -> list[Input]:
    """What the Observations and Conditions of a message say; nothing, for what no method looks at.

    What a machine asserted is no input.
    """
    found = [_observation(one) for one in message.resources("Observation") if not _by_machine(one)]
    found += [_condition(one) for one in message.resources("Condition")]
    return [one for one in found if one]


def _person(patient: Resource) -> Person:
    first = next((one for one in patient.get("identifier") or [] if one.get("system") and one.get("value")), None)
    return Person(
        id=str(patient["id"]),
        identifier=(first["system"], first["value"]) if first else None,
        born=_day(patient.get("birthDate")),
        sex=patient.get("gender"),
    )


def _observation(observation: Resource) -> Input | None:
    patient, number = _subject(observation), observation.get("id")
    if not (patient and number):
        return None
    return Input(str(number), patient, _version(observation), readings=readings_of(observation))


def _condition(condition: Resource) -> Input | None:
    patient, number = _subject(condition), condition.get("id")
    if not (patient and number):
        return None
    denied = any(code in _DENIED for _, code in codings(condition.get("verificationStatus")))
    disease = None if denied else _disease(condition.get("code"))
    return Input(str(number), patient, _version(condition), disease=disease)


def _disease(concept: Resource | None) -> Disease | None:
    for system, code in codings(concept):
        if system == codes.SNOMED and code in _SNOMED:
            return _SNOMED[code]
        if "icd-10" in system:
            for beginnings, disease in _ICD10:
                if code.startswith(beginnings):
                    return disease
    return None


def _subject(resource: Resource) -> str | None:
    """The hub's id of the patient; a resource of nobody that the hub knows is nobody's input."""
    reference = str((resource.get("subject") or {}).get("reference") or "")
    return reference.removeprefix("urn:uuid:") if reference.startswith("urn:uuid:") else None


def _version(resource: Resource) -> int:
    text = str((resource.get("meta") or {}).get("versionId") or "1")
    return int(text) if text.isdecimal() else 1


def _by_machine(resource: Resource) -> bool:
    labels = (resource.get("meta") or {}).get("security") or []
    return any(label.get("code") == codes.AI_ASSERTED["code"] for label in labels)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
