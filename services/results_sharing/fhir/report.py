"""The signed report as FHIR: what exactly is signed is what the hospital gets, with its own identifiers.

Its server knows no hub id, so every reference is logical (http://hl7.org/fhir/R4/references.html#logical).
"""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from services.results_sharing.domain.case import Case
from services.results_sharing.domain.order import Identifier, Patient
from services.results_sharing.domain.report import Version
from shared.fhir.codes import BASE, LOINC, REPORT_SYSTEM, study_identifier

PRACTITIONER_SYSTEM = f"{BASE}/NamingSystem/practitioner"
SHA256 = f"{BASE}/StructureDefinition/sha256"
SAID_AT = f"{BASE}/StructureDefinition/said-at"
ACCEPTED_FINDING = f"{BASE}/StructureDefinition/accepted-finding"
READER_DECISION = f"{BASE}/StructureDefinition/reader-decision"

Resource = dict[str, Any]


def to_report(case: Case, patient: Patient | None, version: Version, accepted: Resource | None = None) -> Resource:
    """The DiagnosticReport of a version, as signed and as delivered.

    Args:
        accepted: code of a model's finding that the signer accepted.
    """
    who = version.signer
    report: Resource = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": REPORT_SYSTEM, "value": case.id}],
        "status": str(version.status),
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}],
        "code": {"coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]},
        "issued": version.signed_at.isoformat(timespec="milliseconds"),
        "resultsInterpreter": [
            {
                "type": "Practitioner",
                "identifier": {"system": PRACTITIONER_SYSTEM, "value": who.practitioner.removeprefix("Practitioner/")},
                "display": who.name,
            }
        ],
        "conclusion": version.text,
    }
    if accepted:
        report["extension"] = [{"url": ACCEPTED_FINDING, "valueCodeableConcept": accepted}]
    if patient and patient.identifiers:
        report["subject"] = {"type": "Patient", "identifier": _plain(patient.identifiers[0])}
    if case.order and case.order.identifiers:
        report["basedOn"] = [
            {"type": "ServiceRequest", "identifier": _plain(identifier)} for identifier in case.order.identifiers
        ]
    if case.study_uid:
        report["imagingStudy"] = [{"type": "ImagingStudy", "identifier": study_identifier(case.study_uid)}]
    if case.study and case.study.started:
        report["effectiveDateTime"] = case.study.started
    return report


def for_repository(case: Case, report: Resource) -> Resource:
    """The same report with the references by which the hub's own repository knows things."""
    linked = {**report, "id": case.id}
    if case.patient_id:
        linked["subject"] = {"reference": f"urn:uuid:{case.patient_id}"} | report.get("subject", {})
    if case.order:
        first, *rest = report.get("basedOn") or [{"type": "ServiceRequest"}]
        linked["basedOn"] = [{"reference": case.order.reference} | first, *rest]
    who = report["resultsInterpreter"][0]
    linked["resultsInterpreter"] = [{"reference": f"urn:uuid:{who['identifier']['value']}"} | who]
    return linked


def to_provenance(case: Case, version: Version, decision: str | None = None) -> Resource:
    """Who signed what, when: the hash is of the canonical report.

    Args:
        decision: what the signer made of the model's answer; imaging watches its models by it, the report keeps silent.
    """
    provenance: Resource = {
        "resourceType": "Provenance",
        "id": str(uuid5(NAMESPACE_OID, f"{case.id}/provenance/{version.number}")),
        "extension": [{"url": SHA256, "valueString": version.sha256}],
        "target": [{"reference": f"urn:uuid:{case.id}"}],
        "recorded": version.signed_at.isoformat(timespec="milliseconds"),
        "activity": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion",
                    "code": "LA",
                    "display": "legally authenticated",
                }
            ]
        },
        "agent": [
            {
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                            "code": "legal",
                            "display": "Legal Authenticator",
                        }
                    ]
                },
                "who": {
                    "reference": f"urn:uuid:{version.signer.practitioner.removeprefix('Practitioner/')}",
                    "display": version.signer.name,
                },
            }
        ],
    }
    if version.ai_report:
        seen = {"system": REPORT_SYSTEM, "value": version.ai_report}
        source: Resource = {"role": "source", "what": {"type": "DiagnosticReport", "identifier": seen}}
        if decision:
            source["extension"] = [{"url": READER_DECISION, "valueCode": decision}]
        provenance["entity"] = [source]
    if version.risks:
        provenance["entity"] = [*provenance.get("entity", []), *map(_seen_risk, version.risks)]
    return provenance


def _seen_risk(shown_as: str) -> Resource:
    """What prediction said, as the signer saw it: the repository's resource, and when that word was said."""
    resource, _, at = shown_as.partition("|")
    kind, _, number = resource.partition("/")
    what = {"type": kind, "reference": f"urn:uuid:{number}", "display": f"as said at {at}"}
    return {"role": "source", "what": what | {"extension": [{"url": SAID_AT, "valueInstant": at}]}}


def to_practitioner(version: Version) -> Resource:
    """The signer, as far as this service knows them."""
    number = version.signer.practitioner.removeprefix("Practitioner/")
    return {
        "resourceType": "Practitioner",
        "id": number,
        "identifier": [{"system": PRACTITIONER_SYSTEM, "value": number}],
        "name": [{"text": version.signer.name}],
    }


def _plain(identifier: Identifier) -> Resource:
    made: Resource = {"system": identifier.system, "value": identifier.value}
    if identifier.type:
        system = "http://terminology.hl7.org/CodeSystem/v2-0203"
        made["type"] = {"coding": [{"system": system, "code": identifier.type}]}
    return made
