"""What signing in asks of a Patient, and the message that brings a code by the hospital's own channel.

Sources: http://hl7.org/fhir/R4/patient.html, http://hl7.org/fhir/R4/communicationrequest.html
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from shared.fhir.codes import BASE

Resource = dict[str, Any]

MESSAGE_SYSTEM: Final = f"{BASE}/NamingSystem/message"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/communication-category"


def name_of(patient: Resource) -> str:
    """As the person is addressed: given names, then the family name."""
    names = patient.get("name") or [{}]
    official = next((name for name in names if name.get("use") == "official"), names[0])
    parts = [*(official.get("given") or []), official.get("family")]
    return " ".join(part for part in parts if part) or official.get("text") or "Patient"


def language_of(patient: Resource, otherwise: str) -> str:
    """The two letters of the patient's preferred language, else of the first, else `otherwise`."""
    spoken = patient.get("communication") or []
    ranked = sorted(spoken, key=lambda one: not one.get("preferred"))
    codes = [coding.get("code", "") for one in ranked for coding in one.get("language", {}).get("coding") or []]
    return next((code[:2].lower() for code in codes if code), otherwise)


def is_active(patient: Resource) -> bool:
    """Whether the hospital still uses this record."""
    return patient.get("active") is not False


def to_message(patient: Resource, numbers: tuple[str, ...], text: str, language: str, lasts: timedelta) -> Resource:
    """Ask the hospital to bring a text to a patient, whom it knows by its own identifier; the medium is its choice.

    Args:
        numbers: spellings of the number that the patient gave.
    """
    now = datetime.now(UTC)
    known = next(
        one for one in patient["identifier"] if one.get("value") in numbers
    )  # the patient was found by one of them
    who = {"type": "Patient", "identifier": {name: known[name] for name in ("system", "value") if name in known}}
    return {
        "resourceType": "CommunicationRequest",
        "language": language,
        "identifier": [{"system": MESSAGE_SYSTEM, "value": str(uuid4())}],
        "status": "active",
        "category": [{"coding": [{"system": _CATEGORY, "code": "notification"}]}],
        "priority": "asap",
        "subject": who,
        "payload": [{"contentString": text}],
        "occurrencePeriod": {
            "start": now.isoformat(timespec="seconds"),
            "end": (now + lasts).isoformat(timespec="seconds"),
        },
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": {"display": "Consilium"},
        "recipient": [who],
    }
