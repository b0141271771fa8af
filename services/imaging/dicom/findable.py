"""What searches match and answer of a header, as DICOM JSON that a database takes: nothing of it may spoil the way in.

Source: PS3.18 F.2 (DICOM JSON model).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from services.imaging.dicom.scan import Unusual
from services.imaging.domain.attributes import STORED

LONGEST: Final = 1024
"""Bytes of the longest value that can be found by; a comment may be longer, and is not kept here then."""

ESCAPE: Final = b"\x1b"
"""Begins another character set in the middle of a value (ISO 2022), all of it ASCII."""

_TAGS: Final = tuple((attribute, int(attribute.tag, 16)) for attribute in STORED)
_PLAIN: Final = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"})

ITEMS: Final = 16
"""Items of a sequence that are kept."""

_FARTHEST: Final = 2**53
"""From 0; JSON keeps no larger whole number exactly, the database none above 63 bits, and IS (PS3.5) has 32."""


def attributes(header: Dataset) -> dict[str, Any]:
    """Tag → element. What is too long, damaged or of another VR than its tag's is left out, never refused."""
    made = {}
    for attribute, tag in _TAGS:
        if tag not in header:
            continue
        try:
            raw = header.get_item(tag, keep_deferred=True)
            value, vr = getattr(raw, "value", None), getattr(raw, "VR", None) or attribute.vr
            if vr != attribute.vr or (attribute.vr != "SQ" and (getattr(raw, "length", 0) or 0) > LONGEST):
                continue
            if isinstance(value, bytes) and value.isascii() and ESCAPE not in value and vr in _PLAIN:
                shown = plain(attribute.vr, value)
            else:
                element = header[tag]
                shown = _json(element) if attribute.vr == element.VR and element.VM else []
            if shown:
                made[attribute.tag] = {"vr": attribute.vr, "Value": shown}
        except Exception:  # noqa: BLE001, S112 (a hostile value raises anything, and is then not found by)
            continue
    return made


def scanned(values: Mapping[int, bytes]) -> dict[str, Any]:
    """As `attributes`, of values as the quick reader found them in a little endian file.

    Raises:
        Unusual: the full reader must look.
    """
    made = {}
    for attribute, tag in _TAGS:
        value = values.get(tag, b"")
        if value and (shown := _scanned(attribute.vr, value)):
            made[attribute.tag] = {"vr": attribute.vr, "Value": shown}
    return made


def _scanned(vr: str, value: bytes) -> list[Any]:
    if vr == "US" and len(value) == 2:  # noqa: PLR2004 (one number)
        return [int.from_bytes(value, "little")]
    if vr not in _PLAIN or len(value) > LONGEST or not value.isascii() or ESCAPE in value:
        raise Unusual("a sequence, or a value that is long or in another character set")
    try:
        return plain(vr, value)
    except ValueError:
        raise Unusual("no number") from None


def plain(vr: str, value: bytes) -> list[Any]:
    """The values of an element as they stand in a file, where all of them are ASCII: a tenth of what pydicom costs.

    Raises:
        ValueError: a number that is none.
    """
    text = value.decode("ascii").replace("\0", "")
    parts = [text] if vr in {"LT", "ST"} else text.split("\\")
    found = [part.strip() for part in parts]
    if not any(found):
        return []
    match vr:
        case "IS":
            return _whole(found)
        case "DS":
            return [number for part in found if math.isfinite(number := float(part))]
        case "PN":
            return [name for part in found if (name := _groups(part))]
        case _:
            return found


def _whole(values: Iterable[Any]) -> list[int]:
    """Whole numbers; one that nobody can keep is left out."""
    return [number for value in values if abs(number := int(value)) < _FARTHEST]


def _groups(text: str) -> dict[str, str]:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: name.strip() for group, name in groups if name.strip()}


def _json(element: DataElement) -> list[Any]:
    values = [element.value] if element.VM == 1 and element.VR != "SQ" else list(element.value)
    match element.VR:
        case "SQ":
            return [_item(item) for item in values[:ITEMS]]
        case "PN":
            return [found for value in values if (found := _name(value))]
        case "IS" | "US":
            return _whole(values)
        case "DS":
            return [number for value in values if math.isfinite(number := float(value))]
        case _:
            return [_clean(str(value)) for value in values]


def _name(value: Any) -> dict[str, str]:  # noqa: ANN401 (PersonName is untyped)
    groups = {"Alphabetic": value.alphabetic, "Ideographic": value.ideographic, "Phonetic": value.phonetic}
    return {group: text for group, name in groups.items() if (text := _clean(str(name)))}


def _item(item: Dataset) -> dict[str, Any]:
    """The short texts of an item; a sequence inside is left out."""
    return {
        f"{element.tag:08X}": {"vr": element.VR, "Value": _json(element)}
        for element in item
        if element.VR in {"SH", "LO", "CS", "UI", "DA", "TM"} and element.VM and len(str(element.value)) <= LONGEST
    }


def _clean(text: str) -> str:
    """Without what PostgreSQL's JSON refuses: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()
