"""What the simulated hospital says in FHIR R4: patient, Consent, order, and the message that a study is available.

Sources: http://hl7.org/fhir/R4/messaging.html, http://hl7.org/fhir/R4/imagingstudy.html
"""

from typing import Any

from services.simulator.domain import (
    ACCESSION_SYSTEM,
    CONSENT_SYSTEM,
    MRN_SYSTEM,
    ORDER_SYSTEM,
    STAFF_SYSTEM,
    Examination,
)
from shared.events import Event
from shared.fhir import codes
from shared.fhir.consent import PURPOSE

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_IDENTIFIER_TYPE = f"{_TERMINOLOGY}/v2-0203"
_PROCEDURE = {"system": codes.SNOMED, "code": "399208008", "display": "Plain X-ray of chest"}


def patient(examination: Examination) -> dict[str, Any]:
    """The invented patient; not labelled as a test patient, as those are read by no model and stand on no worklist."""
    return {
        "resourceType": "Patient",
        "id": examination.id_of("patient"),
        "identifier": [_identifier("MR", MRN_SYSTEM, examination.mrn)],
        "name": [{"use": "official", "family": examination.family, "given": [examination.given]}],
        "gender": examination.gender,
        "birthDate": examination.born.isoformat(),
    }


def consent(examination: Examination) -> dict[str, Any]:
    """The patient denies analysis by AI; signed when they came in."""
    return {
        "resourceType": "Consent",
        "identifier": [{"system": CONSENT_SYSTEM, "value": f"C-{examination.mrn}"}],
        "status": "active",
        "scope": {"coding": [{"system": f"{_TERMINOLOGY}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": codes.LOINC, "code": "59284-0", "display": "Consent Document"}]}],
        "patient": {"type": "Patient", "identifier": {"system": MRN_SYSTEM, "value": examination.mrn}},
        "dateTime": examination.started.isoformat(),
        "policyRule": {"coding": [{"system": f"{_TERMINOLOGY}/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {"type": "deny", "purpose": [PURPOSE]},
    }


def practitioner(examination: Examination) -> dict[str, Any]:
    """The invented physician who asks for the examination."""
    return {
        "resourceType": "Practitioner",
        "id": examination.id_of("requester"),
        "identifier": [{"system": STAFF_SYSTEM, "value": "SYN-PAEDIATRICS"}],
        "name": [{"family": "SYNTHETIC-WARD", "given": ["Dana"], "prefix": ["Dr"]}],
    }


def order(examination: Examination, *, status: str = "active") -> dict[str, Any]:
    """The request for the examination."""
    return {
        "resourceType": "ServiceRequest",
        "id": examination.id_of("order"),
        "identifier": [
            _identifier("PLAC", ORDER_SYSTEM, examination.order),
            _identifier("ACSN", ACCESSION_SYSTEM, examination.accession),
        ],
        "status": status,
        "intent": "order",
        "priority": examination.priority,
        "code": {"coding": [_PROCEDURE], "text": "Chest radiograph"},
        "subject": _subject(examination),
        "authoredOn": examination.started.isoformat(),
        "requester": {"reference": f"urn:uuid:{examination.id_of('requester')}"},
        "reasonCode": [{"text": "Fever and cough"}],
    }


def study(examination: Examination) -> dict[str, Any]:
    """The study as the hospital announces it: one series, one picture."""
    modality = {"system": codes.DICOM, "code": "CR"}
    chest = {"system": codes.SNOMED, "code": "51185008", "display": "Thoracic structure"}
    return {
        "resourceType": "ImagingStudy",
        "id": examination.id_of("announcement"),
        "identifier": [
            codes.study_identifier(examination.study_uid),
            _identifier("ACSN", ACCESSION_SYSTEM, examination.accession),
        ],
        "status": "available",
        "subject": _subject(examination),
        "basedOn": [
            {
                "reference": f"urn:uuid:{examination.id_of('order')}",
                "identifier": {"system": ORDER_SYSTEM, "value": examination.order},
            }
        ],
        "started": examination.started.isoformat(),
        "modality": [modality],
        "numberOfSeries": 1,
        "numberOfInstances": 1,
        "description": "Chest radiograph",
        "series": [{"uid": examination.series_uid, "modality": modality, "numberOfInstances": 1, "bodySite": chest}],
    }


def announcement(examination: Examination) -> dict[str, Any]:
    """The message Bundle; the same examination gives the same message id."""
    resources = [study(examination), patient(examination), order(examination), practitioner(examination)]
    number = examination.id_of("message")
    header = {
        "resourceType": "MessageHeader",
        "id": number,
        "eventCoding": {"system": codes.EVENT_SYSTEM, "code": str(Event.STUDY_AVAILABLE)},
        "source": {"name": "St Luke (simulated)", "endpoint": "https://st-luke.example/fhir"},
        "focus": [{"reference": f"urn:uuid:{resources[0]['id']}"}],
    }
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in [header, *resources]]
    return {
        "resourceType": "Bundle",
        "id": number,
        "type": "message",
        "timestamp": examination.started.isoformat(),
        "entry": entries,
    }


def _subject(examination: Examination) -> dict[str, Any]:
    return {
        "reference": f"urn:uuid:{examination.id_of('patient')}",
        "identifier": {"system": MRN_SYSTEM, "value": examination.mrn},
    }


def _identifier(kind: str, system: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _IDENTIFIER_TYPE, "code": kind}]}, "system": system, "value": value}
