"""Who may read what through the FHIR door; roles at paths are the route table's, this is the finer grain."""

from collections.abc import Collection
from typing import Final

PRELIMINARY_SCOPE: Final = "hub/preliminary.r"
"""What a system needs to see what a model said before a human signed."""

CLINICAL: Final = frozenset({"radiologist", "clinician"})
PRIVACY_OFFICER: Final = "privacy-officer"


def person_may_read(role: str, kind: str) -> bool:
    """The privacy officer reads the audit and nothing else; clinicians read everything else."""
    return role == PRIVACY_OFFICER if kind == "AuditEvent" else role in CLINICAL


def may_see_preliminary(role: str | None, scopes: Collection[str]) -> bool:
    """Whether a caller sees AI results that nobody has signed; to others they do not exist yet."""
    return role in CLINICAL if role else PRELIMINARY_SCOPE in scopes
