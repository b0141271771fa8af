"""Who looked at a patient's data, as the audit has it: what a record is about, and what kind of access it was.

Source: http://hl7.org/fhir/R4/auditevent.html; the words in which a patient reads it are the page's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Resource = dict[str, Any]


class Kind(StrEnum):
    """What somebody did."""

    CODE_ASKED = "code-asked"
    CODE_REFUSED = "code-refused"
    CODE_AT_DESK = "code-at-desk"
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    READ_CASE = "read-case"
    READ_RESULTS = "read-results"
    READ_APPOINTMENTS = "read-appointments"
    READ_RECORD = "read-record"
    READ_IMAGES = "read-images"
    STORED_IMAGES = "stored-images"
    SIGNED = "signed"
    RELEASED = "released"
    HELD = "held"
    WISHED = "wished"
    CHANGED_APPOINTMENT = "changed-appointment"
    CHANGED_CASE = "changed-case"
    CHANGED_RECORD = "changed-record"
    REFUSED = "refused"
    OTHER = "other"


MY_RESULTS = "my results"
HELD_BACK = "to be announced at the appointment"
LET_GO = "released to the patient"
WANTED_SOONER = "the patient wants it sooner"
"""Words of `AuditEvent.outcomeDesc` that this service writes and reads again."""


@dataclass(frozen=True)
class Look:
    """One access.

    Attributes:
        number: of the audit record; a later one is larger.
        name: of who did it.
        role: code of `CodeSystem/role`; None for a system.
        own: it was the patient.
    """

    number: int
    at: datetime
    name: str
    role: str | None
    own: bool
    kind: Kind


def about(event: Resource) -> list[str]:
    """What an AuditEvent is about: `Patient/<id>` and studies' `urn:oid:<uid>`, the patient who acted among them."""
    return sorted(set(_things(event)))


def _things(event: Resource) -> Iterator[str]:
    for entity in event.get("entity") or []:
        match entity.get("what"):
            case {"reference": str(reference)} if reference.startswith("Patient/"):
                yield reference
            case {"identifier": {"value": str(value)}} if value.startswith("urn:oid:"):
                yield value
            case _:
                pass
    for agent in event.get("agent") or []:
        match agent.get("who"):
            case {"reference": str(reference)} if reference.startswith("Patient/"):
                yield reference
            case _:
                pass


def look_from(number: int, event: Resource, patient_id: str) -> Look:
    """An audit record as its patient reads it."""
    agent = (event.get("agent") or [{}])[0]
    roles = [coding.get("code") for role in agent.get("role") or [] for coding in role.get("coding") or []]
    return Look(
        number=number,
        at=datetime.fromisoformat(event["recorded"]),
        name=str(agent.get("name") or ""),
        role=next(iter(roles), None),
        own=(agent.get("who") or {}).get("reference") == f"Patient/{patient_id}",
        kind=kind_of(event),
    )


def kind_of(event: Resource) -> Kind:
    """What kind of access a record is."""
    code = str((event.get("type") or {}).get("code"))
    detail = str(event.get("outcomeDesc") or "")
    if code == "110122":
        return _sign_in(detail, refused=event.get("outcome") != "0")
    simple = {
        "110123": Kind.SIGNED_OUT,
        "110113": Kind.REFUSED,
        "110103": Kind.READ_IMAGES,
        "110104": Kind.STORED_IMAGES,
        "signature": Kind.SIGNED,
    }
    if code in simple:
        return simple[code]
    return _rest(str(event.get("action")), _service(event), detail) if code == "rest" else Kind.OTHER


def _sign_in(detail: str, *, refused: bool) -> Kind:
    if refused:
        return Kind.CODE_REFUSED
    if detail == "sign-in code requested":
        return Kind.CODE_ASKED
    return Kind.CODE_AT_DESK if detail == "sign-in code made at the desk" else Kind.SIGNED_IN


def _rest(action: str, service: str, detail: str) -> Kind:
    told = {MY_RESULTS: Kind.READ_RESULTS, HELD_BACK: Kind.HELD, LET_GO: Kind.RELEASED, WANTED_SOONER: Kind.WISHED}
    if detail in told:
        return told[detail]
    reads = {"results_sharing": Kind.READ_CASE, "scheduling": Kind.READ_APPOINTMENTS, "gateway": Kind.READ_RECORD}
    writes = {
        "results_sharing": Kind.CHANGED_CASE,
        "scheduling": Kind.CHANGED_APPOINTMENT,
        "gateway": Kind.CHANGED_RECORD,
    }
    return (reads if action == "R" else writes).get(service, Kind.OTHER)


def _service(event: Resource) -> str:
    return str(((event.get("source") or {}).get("observer") or {}).get("display") or "")
