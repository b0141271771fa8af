"""What signed reports and the hospital's patients say, as far as appointments are concerned.

Sources: http://hl7.org/fhir/R4/diagnosticreport.html, patient.html
"""

from datetime import datetime
from typing import Any, Final

from services.scheduling.domain.appointment import Patient
from services.scheduling.domain.follow_up import Signed
from shared.errors import InvalidResource
from shared.fhir.codes import BASE, REPORT_SYSTEM, study_uid
from shared.fhir.message import Message

ACCEPTED_FINDING: Final = f"{BASE}/StructureDefinition/accepted-finding"
"""Extension of a signed report: the code of a model's finding that the signer accepted."""

Resource = dict[str, Any]


def signed_from(message: Message) -> Signed:
    """The signed report in a message.

    Raises:
        InvalidResource: it carries none of the hub's.
    """
    report = message.resource("DiagnosticReport")
    case_id = next(
        (one.get("value") for one in report.get("identifier", []) if one.get("system") == REPORT_SYSTEM), None
    )
    if not case_id:
        raise InvalidResource("The report is not of this hub", expression="DiagnosticReport.identifier")
    studies = (study_uid({"identifier": [one.get("identifier") or {}]}) for one in report.get("imagingStudy") or [])
    extensions = report.get("extension") or []
    return Signed(
        case_id=str(case_id),
        study_uid=next((uid for uid in studies if uid), None),
        patient=_subject(report.get("subject") or {}),
        signed_at=_moment(report.get("issued"), "DiagnosticReport.issued"),
        lane=message.lane,
        correlation=message.correlation,
        accepted=any(one.get("url") == ACCEPTED_FINDING for one in extensions) or bool(report.get("conclusionCode")),
        withdrawn=report.get("status") == "entered-in-error",
    )


def patients_from(message: Message) -> list[tuple[Patient, datetime]]:
    """The patients in a message, each with when the hospital said so."""
    made = []
    for patient in message.resources("Patient"):
        said = (patient.get("meta") or {}).get("lastUpdated") or message.bundle.get("timestamp")
        identifier: Resource = next((one for one in patient.get("identifier") or [] if one.get("value")), {})
        whom = Patient(
            id=str(patient["id"]),
            system=str(identifier.get("system", "")),
            value=str(identifier.get("value", "")),
            name=_name(patient.get("name") or [{}]),
            birth_date=patient.get("birthDate"),
        )
        made.append((whom, _moment(said, "Patient.meta.lastUpdated")))
    return made


def appointment_id(message: Message) -> str:
    """The appointment whose hold may have ended."""
    return str(message.resource("Appointment")["id"])


def _subject(subject: Resource) -> Patient | None:
    reference = str(subject.get("reference") or "")
    if not reference.startswith("urn:uuid:"):
        return None
    identifier = subject.get("identifier") or {}
    number = reference.removeprefix("urn:uuid:")
    return Patient(number, str(identifier.get("system", "")), str(identifier.get("value", "")))


def _name(names: list[Resource]) -> str:
    name = next((one for one in names if one.get("use") == "official"), names[0])
    parts = [part for part in (name.get("family"), " ".join(name.get("given") or [])) if part]
    return ", ".join(parts) or str(name.get("text") or "")


def _moment(text: Any, expression: str) -> datetime:  # noqa: ANN401 (JSON)
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidResource("This is not an instant", expression=expression)
    return at
