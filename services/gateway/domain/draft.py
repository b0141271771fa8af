"""A resource on its way in: by which identifiers it is recognised, and what the repository finds it by later."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import uuid4

from services.gateway.domain.dates import Span, span_between, span_of
from services.gateway.domain.repository import TYPES
from shared.errors import InvalidResource

STUDY_SYSTEM: Final = "urn:dicom:uid"
ACCESSION: Final = "ACSN"
"""Identifier type (HL7 table 0203) of accession numbers: one stands on every study of an order, so it names none."""

AI_ASSERTED: Final = "AIAST"


class Key(NamedTuple):
    """An identifier of a resource type."""

    type: str
    system: str
    value: str


@dataclass
class Draft:
    """One resource to be taken in.

    Attributes:
        resource: as validated; references are rewritten to hub ids in place.
        url: what other resources of the same Bundle call it, if it came in one.
        at: FHIRPath at which the caller finds it, for error texts.
        id: the hub's id; where none is given a new one, until an identifier shows that the resource is known.
        fixed: the id is decided already (an update, or an id that the hub gave), whatever the identifiers say.
        keys: the identifiers by which it is recognised when it comes again.
    """

    resource: dict[str, Any]
    url: str | None = None
    at: str = ""
    id: str = ""
    fixed: bool = False

    def __post_init__(self) -> None:
        self.is_new = not self.id
        self.id = self.id or str(uuid4())
        self.type: str = self.resource["resourceType"]
        self.at = self.at or self.type
        self.keys = keys_of(self.resource)
        if TYPES[self.type].identified and not self.keys:
            wanted = "its Study Instance UID (urn:dicom:uid)" if self.type == "ImagingStudy" else "system and value"
            raise InvalidResource(
                f"The {self.type} has no identifier to recognise it by",
                expression=f"{self.at}.identifier",
                fix=f"Add an identifier with {wanted}.",
            )


def identifiers_of(resource: dict[str, Any]) -> list[Key]:
    """All identifiers with a value, to be searched by."""
    listed = resource.get("identifier") or []
    listed = [listed] if isinstance(listed, dict) else listed
    kind = resource["resourceType"]
    return list(dict.fromkeys(Key(kind, one.get("system", ""), one["value"]) for one in listed if one.get("value")))


def keys_of(resource: dict[str, Any]) -> list[Key]:
    """The identifiers that mean this very resource.

    A study is its Study Instance UID, anything else every identifier that is no accession number; where there are
    only accession numbers, those.
    """
    every = identifiers_of(resource)
    if resource["resourceType"] == "ImagingStudy":
        return [key for key in every if key.system == STUDY_SYSTEM]
    shared = {
        one.get("value")
        for one in resource.get("identifier") or []
        if isinstance(one, dict)
        and any(coding.get("code") == ACCESSION for coding in one.get("type", {}).get("coding", []))
    }
    return [key for key in every if key.value not in shared] or every


def patient_of(resource: dict[str, Any]) -> str | None:
    """The hub id of the patient whom a resource is about, once its references are rewritten."""
    for element in TYPES[resource["resourceType"]].patient:
        listed = resource.get(element) or []
        for one in listed if isinstance(listed, list) else [listed]:
            kind, _, number = (one.get("what") or one.get("actor") or one).get("reference", "").partition("/")
            if kind == "Patient":
                return str(number)
    return None


def status_of(resource: dict[str, Any]) -> str | None:
    """The code by which the type's status parameter finds it."""
    found = TYPES[resource["resourceType"]].status
    value = resource.get(found[1]) if found else None
    if isinstance(value, dict):
        value = next((coding.get("code") for coding in value.get("coding", [])), None)
    return value


def span_when(resource: dict[str, Any]) -> Span | None:
    """The time by which the type's date parameter finds it."""
    found = TYPES[resource["resourceType"]].date
    value = resource.get(found[1]) if found else None
    if isinstance(value, dict):
        return span_between(value.get("start"), value.get("end"))
    return span_of(value) if isinstance(value, str) else None


def is_preliminary_ai(resource: dict[str, Any]) -> bool:
    """Whether a model said it and nobody has signed it; a Flag has no status for that, and nobody signs one."""
    labels = resource.get("meta", {}).get("security", [])
    unsigned = resource["resourceType"] == "Flag" or resource.get("status") == "preliminary"
    return unsigned and any(label.get("code") == AI_ASSERTED for label in labels)
