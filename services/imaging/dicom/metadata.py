"""All of a header as DICOM JSON, with what is long by reference; and the bytes behind such a reference.

Sources: PS3.18 F.2 (JSON model), F.2.6 (BulkDataURI), 10.4.1.1.5 (bulkdata).
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from services.imaging.dicom.header import Unreadable, source_header
from services.imaging.domain.instance import Instance
from shared.errors import NotFound

INLINE: Final = 1024
"""Bytes of the longest binary value that stands in the metadata itself."""

MOST_ITEMS: Final = 100_000
"""Of one sequence; a million of them took a minute and 2 GB. Functional groups of frames have some thousands."""

PIXELS: Final = "7FE00010"
_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_WORDS: Final = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def to_json(path: Path, address: str, *, has_pixels: bool) -> bytes:
    """The header of an instance; a damaged element is left out.

    Args:
        address: of its bulk data; the place of an element is added.

    Raises:
        Unreadable: it was whole when it came, and is not now; or nobody can write it as JSON.
    """
    header = source_header(path)
    try:
        made = _data_set(header, address)
        if has_pixels:
            words = header.get("BitsAllocated", 8) > 8 and not header.file_meta.TransferSyntaxUID.is_encapsulated  # noqa: PLR2004
            made[PIXELS] = {"vr": "OW" if words else "OB", "BulkDataURI": f"{address}/{PIXELS}"}
        return orjson.dumps(made)
    except Unreadable:
        raise
    except Exception:  # noqa: BLE001 (pydicom raises what a hostile file makes it raise; RecursionError too)
        raise Unreadable("The header cannot be shown") from None


def names(instance: Instance) -> bytes:
    """What a header is called whose other elements cannot be shown."""
    named = {
        "00080016": instance.sop_class,
        "00080018": instance.uid,
        "0020000D": instance.study,
        "0020000E": instance.series,
    }
    return orjson.dumps({tag: {"vr": "UI", "Value": [uid]} for tag, uid in named.items()})


def bulk(path: Path, place: str) -> bytes:
    """The value that stands at a place: a tag, or a tag, the number of an item from 0, a tag, and so on.

    Returns:
        Its bytes, little endian.

    Raises:
        NotFound: there is no binary value.
        Unreadable: it was whole when it came, and is not now.
    """
    header = source_header(path)
    *way, last = place.split("/")
    try:
        data = header
        for tag, item in zip(way[::2], way[1::2], strict=True):
            data = data[int(tag, 16)].value[int(item)]
        element = data[int(last, 16)]
        value = element.value
    except Exception:  # noqa: BLE001 (no such place, or what a hostile file makes pydicom raise)
        raise NotFound("There is no bulk data at this place") from None
    if element.VR not in _BINARY or not isinstance(value, bytes):
        raise NotFound("There is no bulk data at this place")
    return value if header.original_encoding[1] else swapped(value, element.VR)


def swapped(value: bytes, vr: str) -> bytes:
    """A big endian value in little endian (PS3.5 7.3)."""
    width = _WORDS.get(vr, 1)
    return value if len(value) % width else np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()


def _data_set(data: Dataset, address: str) -> dict[str, Any]:
    made = {}
    for tag in sorted(data.keys()):
        name = f"{tag:08X}"
        try:
            made[name] = _element(data[tag], f"{address}/{name}")
        except Unreadable:
            raise
        except Exception:  # noqa: BLE001, S112 (a hostile or broken value makes pydicom raise anything)
            continue
    return made


def _element(element: DataElement, address: str) -> dict[str, Any]:
    if element.VR == "SQ":
        if len(element.value) > MOST_ITEMS:
            raise Unreadable("The header has too many items to be shown")
        items = [_data_set(item, f"{address}/{number}") for number, item in enumerate(element.value)]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    if element.VR in _BINARY and len(element.value or b"") > INLINE:
        return {"vr": element.VR, "BulkDataURI": address}
    made: dict[str, Any] = element.to_json_dict(None, INLINE)
    return made
