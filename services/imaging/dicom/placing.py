"""Where a frame lies in the patient, as a header says it: by itself, or in functional groups of many frames.

Sources: PS3.3 C.7.6.2 (Image Plane), C.7.6.16 (Multi-frame Functional Groups).
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from pydicom.dataset import Dataset

_NUMBERS: Final = {
    "PixelSpacing": ("PixelMeasuresSequence", 2),
    "SliceThickness": ("PixelMeasuresSequence", 1),
    "ImageOrientationPatient": ("PlaneOrientationSequence", 6),
    "ImagePositionPatient": ("PlanePositionSequence", 3),
    "RescaleSlope": ("PixelValueTransformationSequence", 1),
    "RescaleIntercept": ("PixelValueTransformationSequence", 1),
}
"""In which functional group a value stands, and of how many numbers it is."""

_PLACE: Final = ("PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient")
_LENGTHS: Final = frozenset({"PixelSpacing", "SliceThickness"})
"""Above 0."""


def place_of(source: Dataset, frame: int, thickness: float | None = None) -> dict[str, Any]:
    """Pixel spacing, and frame of reference, orientation and position where all of these are known.

    Args:
        frame: from 1.
        thickness: millimetres, of a slice whose header does not say it.
    """
    known = {keyword: found for keyword in _PLACE if (found := numbers(source, frame, keyword))}
    if thickness is not None:
        known.setdefault("SliceThickness", [thickness])
    reference = str(source.get("FrameOfReferenceUID") or "")
    if reference and len(known) == len(_PLACE):
        return {"FrameOfReferenceUID": reference, **known, "SliceThickness": known["SliceThickness"][0]}
    return {keyword: value for keyword, value in known.items() if keyword == "PixelSpacing"}


def numbers(source: Dataset, frame: int, keyword: str) -> list[float]:
    """The numbers of an element of a frame (from 1); none where they are not said, or are no such numbers."""
    group, count = _NUMBERS[keyword]
    for holder in (*_items(source, frame, group), source):
        with suppress(TypeError, ValueError):
            said = holder.get(keyword)
            found = [float(number) for number in (said if count > 1 else [said])]
            if len(found) == count and all(map(math.isfinite, found)) and (keyword not in _LENGTHS or min(found) > 0):
                return found
    return []


def _items(source: Dataset, frame: int, group: str) -> Iterator[Dataset]:
    """The group as it holds for one frame, then as it holds for all."""
    for sequence, place in (("PerFrameFunctionalGroupsSequence", frame - 1), ("SharedFunctionalGroupsSequence", 0)):
        with suppress(AttributeError, IndexError, KeyError, TypeError):
            yield source[sequence].value[place][group].value[0]
