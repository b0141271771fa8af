"""What searches match and answer of a header, as DICOM JSON that a database takes: nothing of it may spoil the way in.

Source: PS3.18 F.2 (DICOM JSON model).
"""

import math
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from services.imaging.domain.attributes import STORED

LONGEST: Final = 1024
"""Bytes of the longest value that can be found by; a comment may be longer, and is not kept here then."""

ITEMS: Final = 16
"""Items of a sequence that are kept."""


def attributes(header: Dataset) -> dict[str, Any]:
    """Tag → element. What is too long, damaged or of another VR than its tag's is left out, never refused."""
    made = {}
    for attribute in STORED:
        if attribute.keyword not in header:
            continue
        try:
            raw = header.get_item(attribute.keyword, keep_deferred=True)
            if (getattr(raw, "length", 0) or 0) > LONGEST and attribute.vr != "SQ":
                continue
            element = header[attribute.keyword]
            if attribute.vr == element.VR and element.VM and (shown := _json(element)):
                made[attribute.tag] = {"vr": element.VR, "Value": shown}
        except Exception:  # noqa: BLE001, S112 (a hostile value raises anything, and is then not found by)
            continue
    return made


def _json(element: DataElement) -> list[Any]:
    values = [element.value] if element.VM == 1 and element.VR != "SQ" else list(element.value)
    match element.VR:
        case "SQ":
            return [_item(item) for item in values[:ITEMS]]
        case "PN":
            return [found for value in values if (found := _name(value))]
        case "IS" | "US":
            return [int(value) for value in values]
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
