"""Names of code systems and identifiers, spelled once.

Sources: FHIR R4 terminology; HL7 AI Transparency on FHIR (AIAST); DICOM-in-FHIR identifier rules (`urn:dicom:uid`).
"""

from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from shared.events import Lane

BASE: Final = "https://consilium.example/fhir"
"""Root of the hub's own canonical addresses (a reserved name: they are identifiers, nobody fetches them)."""

EVENT_SYSTEM: Final = f"{BASE}/CodeSystem/event"
REPORT_SYSTEM: Final = f"{BASE}/NamingSystem/report"
MODEL_SYSTEM: Final = f"{BASE}/NamingSystem/model"
REASON_SYSTEM: Final = f"{BASE}/CodeSystem/not-analysed-reason"
STUDY_SYSTEM: Final = "urn:dicom:uid"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
UCUM: Final = "http://unitsofmeasure.org"

AI_ASSERTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""Security label on everything that a model said."""

AI_DEVICE: Final = {
    "system": "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS",
    "code": "Artificial-Intelligence",
}

_LANES: Final = {"stat": Lane.STAT, "asap": Lane.URGENT, "urgent": Lane.URGENT, "routine": Lane.ROUTINE}


def lane_of(priority: str | None) -> Lane:
    """The lane of a FHIR request priority; routine when none is given."""
    return _LANES.get(priority or "routine", Lane.ROUTINE)


def study_identifier(uid: str) -> dict[str, Any]:
    """The identifier of a DICOM study: its Study Instance UID (0020,000D)."""
    return {"system": STUDY_SYSTEM, "value": f"urn:oid:{uid}"}


def study_uid(resource: dict[str, Any]) -> str | None:
    """The Study Instance UID among a resource's identifiers, if there is one."""
    for identifier in resource.get("identifier") or []:
        if identifier.get("system") == STUDY_SYSTEM:
            return str(identifier.get("value", "")).removeprefix("urn:oid:") or None
    return None


def correlation_of(uid: str) -> str:
    """The one correlation id of a study's case: made of its UID, so that pixels and announcement agree in any order."""
    return str(uuid5(NAMESPACE_OID, uid))
