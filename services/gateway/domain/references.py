"""References on their way in: what they point at, and rewriting them to the hub's own ids.

Sources: http://hl7.org/fhir/R4/references.html, http://hl7.org/fhir/R4/bundle.html#references
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from services.gateway.domain.draft import Draft, Key
from services.gateway.domain.repository import TYPES
from services.gateway.domain.search import is_id
from shared.errors import InvalidResource

TARGETS: Final = {
    "subject": "Patient",
    "patient": "Patient",
    "basedOn": "ServiceRequest",
    "imagingStudy": "ImagingStudy",
    "resultsInterpreter": "Practitioner",
    "requester": "Practitioner",
    "device": "Device",
}
"""What an element usually points at, for a reference that gives an identifier and no type."""

_PARTS: Final = frozenset({"reference", "type", "identifier", "display", "id", "extension"})
_CONDITIONAL: Final = re.compile(r"(?P<type>[A-Za-z]+)\?identifier=(?:(?P<system>[^|&]*)\|)?(?P<value>[^|&]+)")
_OUTWARD: Final = re.compile(rb'"reference":"[A-Za-z]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


@dataclass(frozen=True)
class Pointer:
    """One reference: the JSON that holds it, the element's name, and its FHIRPath."""

    holder: dict[str, Any]
    element: str
    at: str

    @property
    def literal(self) -> str:
        """The text of `reference`, or ""."""
        return str(self.holder.get("reference") or "")

    @property
    def key(self) -> Key | None:
        """The identifier that it gives, with the type it should have ("" when nothing says so)."""
        if found := _CONDITIONAL.fullmatch(unquote(self.literal)):
            return Key(found["type"], found["system"] or "", found["value"])
        given = self.holder.get("identifier") or {}
        if not given.get("value"):
            return None
        return Key(self.holder.get("type") or TARGETS.get(self.element, ""), given.get("system", ""), given["value"])

    @property
    def number(self) -> str | None:
        """The hub id that it names, as `Type/<id>` or as hub messages do (`urn:uuid:<id>`)."""
        number = self.literal.removeprefix("urn:uuid:").rpartition("/")[2]
        return number if is_id(number) and "//" not in self.literal else None


@dataclass(frozen=True)
class Known:
    """What the repository knows of the things referred to.

    Attributes:
        types: hub id → resource type.
        ids: identifier → hub id.
        identifiers: hub id → the identifier under which the outside knows it.
    """

    types: Mapping[str, str]
    ids: Mapping[Key, str]
    identifiers: Mapping[str, Key] = field(default_factory=dict)

    def find(self, key: Key) -> str | None:
        """The id of the resource with an identifier; without a type only when no two types share it."""
        if key.type:
            return self.ids.get(key)
        found = {number for known, number in self.ids.items() if known[1:] == key[1:]}
        return found.pop() if len(found) == 1 else None


def pointers(drafts: Iterable[Draft]) -> list[Pointer]:
    """All references in drafts, except those to contained resources."""
    return [pointer for draft in drafts for pointer in _pointers(draft.resource, "", draft.at)]


def _pointers(node: Any, element: str, at: str) -> Iterator[Pointer]:  # noqa: ANN401 (JSON)
    if isinstance(node, list):
        for index, one in enumerate(node):
            if isinstance(one, dict | list):
                yield from _pointers(one, element, f"{at}[{index}]")
    elif isinstance(node, dict):
        if ("reference" in node or isinstance(node.get("identifier"), dict)) and _PARTS.issuperset(node):
            if not str(node.get("reference", "")).startswith("#"):
                yield Pointer(node, element, at)
            return
        for name, one in node.items():
            if isinstance(one, dict | list):
                yield from _pointers(one, name, f"{at}.{name}")


def settle(drafts: list[Draft], found: list[Pointer], known: Known, *, strict: bool) -> None:
    """Rewrite each reference to `Type/<hub id>`, and let it keep the identifier by which the outside knows it.

    Args:
        strict: refuse a reference that leads nowhere; otherwise it stays as it came.

    Raises:
        InvalidResource: a reference to nothing, or a patient's resource without its patient.
    """
    here = {name: draft for draft in drafts for name in _names(draft)}
    by_key = {key: draft for draft in drafts for key in draft.keys}
    for pointer in found:
        _settle(pointer, here, by_key, known, strict=strict)
    if strict:
        for draft in drafts:
            _require_patient(draft)


def _names(draft: Draft) -> Iterator[str]:
    """What a Bundle's other entries may call it: its fullUrl, or `Type/id` relative to that."""
    if draft.url:
        yield draft.url
        kind, _, _number = (tail := "/".join(draft.url.split("/")[-2:])).partition("/")
        if kind == draft.type:
            yield tail
    elif given := draft.resource.get("id"):
        yield f"{draft.type}/{given}"


def _settle(
    pointer: Pointer, here: Mapping[str, Draft], by_key: Mapping[Key, Draft], known: Known, *, strict: bool
) -> None:
    key = pointer.key
    draft = here.get(pointer.literal) or (by_key.get(key) if key else None)
    if draft:
        _point(pointer, draft.type, draft.id, draft.keys[0] if draft.keys else None)
        return
    number = pointer.number if pointer.number in known.types else known.find(key) if key else None
    if number:
        _point(pointer, known.types[number], number, known.identifiers.get(number))
    elif pointer.literal.startswith(("http://", "https://")) or not strict:
        return
    elif pointer.holder.get("identifier"):
        pointer.holder.pop("reference", None)
    elif pointer.literal:
        raise InvalidResource(
            "A reference leads to nothing in the message and nothing in the hub",
            expression=pointer.at,
            fix="Send the resource along, or refer to it by an identifier that the hub knows.",
        )


def _point(pointer: Pointer, kind: str, number: str, key: Key | None) -> None:
    pointer.holder["reference"] = f"{kind}/{number}"
    if key and "identifier" not in pointer.holder:
        pointer.holder["identifier"] = (
            {"system": key.system, "value": key.value} if key.system else {"value": key.value}
        )


def _require_patient(draft: Draft) -> None:
    element = next((one for one in ("subject", "patient") if one in TYPES[draft.type].patient), None)
    if element is None:
        return
    if not str(draft.resource.get(element, {}).get("reference", "")).startswith("Patient/"):
        raise InvalidResource(
            f"The patient of the {draft.type} is not known",
            expression=f"{draft.at}.{element}",
            fix="Send the Patient along, or refer to one that the hub knows by identifier.",
        )


def outward(body: bytes) -> bytes:
    """A stored resource as hub messages carry it: references to hub ids become `urn:uuid:<id>`."""
    return _OUTWARD.sub(rb'"reference":"urn:uuid:\1"', body)
