"""A patient's word on analysis by AI: Consents of the hub's profile, and whether they deny it at a moment.

The profile is contracts/fhir/StructureDefinition-ai-consent.json; the gateway takes in no Consent of another shape.
Sources: http://hl7.org/fhir/R4/consent.html; v3-ActReason TREATDS (treatment decision support).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Final

from shared.errors import InvalidResource
from shared.fhir.message import Message

PURPOSE: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREATDS"}
"""What a provision permits or denies: the use of programs that support decisions on treatment."""

REFUSED: Final = "the patient refuses analysis by AI"
"""Why a program says nothing about a patient, in words for people."""

_DAY: Final = len("2026-11-24")


@dataclass(frozen=True)
class Consent:
    """One Consent.

    Attributes:
        version: of the resource at the gateway; a higher one replaces a lower one.
        given_at: when the patient said so.
        active: it counts; otherwise it was withdrawn, or never was.
        denies: otherwise it permits.
        starts, ends: before and from when on it does not count; None where it does not say.
    """

    id: str
    patient: str
    version: int
    given_at: datetime
    active: bool
    denies: bool
    starts: datetime | None = None
    ends: datetime | None = None

    def counts(self, at: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.active and (self.starts or at) <= at and (self.ends is None or at < self.ends)


def is_denied(consents: Iterable[Consent], at: datetime) -> bool:
    """Whether a patient denies analysis by AI: the Consent given last of those in force; of two at once the denial."""
    counting = [one for one in consents if one.counts(at)]
    last = max(counting, key=lambda one: (one.given_at, one.denies), default=None)
    return last is not None and last.denies


def consents_from(message: Message) -> list[Consent]:
    """The Consents that a message of the gateway carries.

    Raises:
        InvalidResource: one is of another shape than the gateway takes in.
    """
    return [consent_from(resource) for resource in message.resources("Consent")]


def consent_from(resource: dict[str, Any]) -> Consent:
    """A stored Consent as the hub's messages carry it.

    Raises:
        InvalidResource: it is of another shape than the gateway takes in.
    """
    provision = resource.get("provision") or {}
    given = moment(str(resource.get("dateTime")))
    patient = str((resource.get("patient") or {}).get("reference", ""))
    if given is None or not patient.startswith("urn:uuid:"):
        raise InvalidResource("The Consent does not say of whom and since when", expression="Consent")
    starts, ends = period_of(provision)
    return Consent(
        id=str(resource["id"]),
        patient=patient.removeprefix("urn:uuid:"),
        version=int((resource.get("meta") or {}).get("versionId") or 1),
        given_at=given,
        active=resource.get("status") == "active",
        denies=provision.get("type") == "deny",
        starts=starts,
        ends=ends,
    )


def period_of(provision: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """From when and until when a provision counts; the day on which a period ends belongs to it, 9999 is for ever."""
    period = provision.get("period") or {}
    start, end = (str(period.get(name, "")) for name in ("start", "end"))
    until = moment(end)
    if until is None or until.year == MAXYEAR:
        return moment(start), None
    return moment(start), until + timedelta(days=1) if len(end) == _DAY else until


def moment(text: str) -> datetime | None:
    """A day (from its beginning in UTC) or a time with its zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
        if len(text) == _DAY:
            return found.replace(tzinfo=UTC)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
