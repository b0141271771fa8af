"""The one table of what the repository holds: resource types, who writes them, and how they are searched.

Source: http://hl7.org/fhir/R4/searchparameter-registry.html
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.errors import NotFound


class Kind(StrEnum):
    """FHIR's kinds of search parameter that the repository knows."""

    TOKEN = "token"  # noqa: S105 (a kind of search parameter)
    DATE = "date"
    REFERENCE = "reference"


@dataclass(frozen=True)
class ResourceType:
    """One resource type of the repository.

    Attributes:
        from_outside: outsiders create and update it; otherwise the hub makes it and others only read.
        date: search parameter → element that it reads.
        status: search parameter → element (a code, or a CodeableConcept whose first code counts).
        patient: elements that refer to the patient; the first that is there counts.
        identified: it must carry an identifier, by which it is recognised when it comes again.
        codes: further search parameters, each with the path of the codes that it reads.
        links: the same for references.
    """

    name: str
    from_outside: bool
    date: tuple[str, str] | None = None
    status: tuple[str, str] | None = None
    patient: tuple[str, ...] = ()
    identified: bool = False
    codes: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> dict[str, Kind]:
        """The search parameters, each with its kind."""
        found = {"_id": Kind.TOKEN}
        if self.name not in {"AuditEvent", "Provenance"}:
            found["identifier"] = Kind.TOKEN
        if self.patient:
            found["patient"] = Kind.REFERENCE
        if not SUBJECTS.isdisjoint(self.patient):
            found["subject"] = Kind.REFERENCE
        if self.status:
            found[self.status[0]] = Kind.TOKEN
        if self.date:
            found[self.date[0]] = Kind.DATE
        found |= {name: Kind.TOKEN for name, _ in self.codes} | {name: Kind.REFERENCE for name, _ in self.links}
        return found

    @property
    def methods(self) -> tuple[str, ...]:
        """HTTP methods of the type's own address, for `Allow`."""
        return ("GET", "POST") if self.from_outside else ("GET",)


SUBJECTS: Final = frozenset({"subject", "for"})
"""Elements that the search parameter `subject` reads."""

_STATUS: Final = ("status", "status")
_SERVICE: Final = ("service-type", "serviceType")

TYPES: Final[dict[str, ResourceType]] = {
    kind.name: kind
    for kind in (
        ResourceType("Patient", True, date=("birthdate", "birthDate"), identified=True),
        ResourceType("Practitioner", True, identified=True),
        ResourceType("ServiceRequest", True, ("authored", "authoredOn"), _STATUS, ("subject",), identified=True),
        ResourceType("ImagingStudy", True, ("started", "started"), _STATUS, ("subject",), identified=True),
        ResourceType("Observation", True, ("date", "effectiveDateTime"), _STATUS, ("subject",)),
        ResourceType(
            "Condition", True, ("recorded-date", "recordedDate"), ("clinical-status", "clinicalStatus"), ("subject",)
        ),
        ResourceType("MedicationRequest", True, ("authoredon", "authoredOn"), _STATUS, ("subject",)),
        ResourceType(
            "Consent",
            True,
            ("date", "dateTime"),
            _STATUS,
            ("patient",),
            codes=(("category", "category"), ("scope", "scope"), ("purpose", "provision.purpose")),
        ),
        ResourceType("DiagnosticReport", False, ("date", "effectiveDateTime"), _STATUS, ("subject",)),
        ResourceType(
            "RiskAssessment",
            False,
            ("date", "occurrenceDateTime"),
            patient=("subject",),
            codes=(("method", "method"),),
            links=(("performer", "performer"),),
        ),
        ResourceType("Flag", False, ("date", "period"), patient=("subject",), links=(("author", "author"),)),
        ResourceType("Device", False, status=_STATUS),
        ResourceType("Provenance", False, ("recorded", "recorded")),
        ResourceType("AuditEvent", False, ("date", "recorded"), patient=("entity",)),
        ResourceType("Schedule", False, codes=(("active", "active"), _SERVICE), links=(("actor", "actor"),)),
        ResourceType("Slot", False, ("start", "start"), _STATUS, codes=(_SERVICE,), links=(("schedule", "schedule"),)),
        ResourceType(
            "Appointment",
            False,
            ("date", "start"),
            _STATUS,
            ("participant",),
            codes=(_SERVICE, ("part-status", "participant.status")),
            links=(("actor", "participant.actor"), ("slot", "slot"), ("supporting-info", "supportingInformation")),
        ),
        ResourceType(
            "Task",
            False,
            ("authored-on", "authoredOn"),
            _STATUS,
            ("for",),
            codes=(("code", "code"), ("intent", "intent"), ("priority", "priority")),
            links=(("focus", "focus"),),
        ),
    )
}

FROM_OUTSIDE: Final = tuple(name for name, kind in TYPES.items() if kind.from_outside)
"""What a hospital originates."""

PATIENTS: Final = frozenset(name for name, kind in TYPES.items() if kind.patient) | {"Patient"}
"""Types that say something about one patient."""


def type_of(name: str) -> ResourceType:
    """The resource type of an address.

    Raises:
        NotFound: the repository does not hold it.
    """
    try:
        return TYPES[name]
    except KeyError:
        raise NotFound(
            "This resource type is not stored here", fix=f"The hub holds {', '.join(TYPES)}; see /fhir/metadata."
        ) from None
