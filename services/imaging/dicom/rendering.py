"""A frame as a person would see it: grey scale through modality and VOI LUT, colour as RGB, 8 bits a sample.

Sources: PS3.3 C.7.6.3.1.2, C.11.1, C.11.2, C.11.6 (from stored values to a display), C.7.6.16.2 (multi-frame functional
groups); PS3.18 8.3.5.1 (window).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

from services.imaging.dicom.guarding import guarded
from services.imaging.dicom.header import Unreadable
from services.imaging.dicom.metadata import swapped
from services.imaging.dicom.pixels import decode

WHITE: Final = 255
STRIP: Final = 512
"""Rows that are turned into grey at a time: each pixel takes tens of bytes on the way, as a real number."""

_GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
_TONES: Final = (
    "ModalityLUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
)
_GROUPS: Final = ("PixelValueTransformationSequence", "FrameVOILUTSequence")

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


class Window(NamedTuple):
    """Which values become grey, after the modality LUT (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Attributes:
        width: at least 1 for LINEAR, above 0 for the others.
    """

    center: float
    width: float
    function: Function


def shown(path: Path, index: int, window: Window | None = None) -> NDArray[np.uint8]:
    """One frame (from 0), shape (rows, columns) or (rows, columns, 3).

    Args:
        window: instead of the file's own VOI LUT or window; a colour picture has none and ignores it.

    Raises:
        Unreadable: the pixels cannot be decoded, or nobody knows their colours.
        IndexError: there is no such frame.
    """
    values, header = decode(path, index, raw=False)
    with guarded("The picture cannot be shown"):
        if header.PhotometricInterpretation in _GREY:
            return _grey(values, tones(header, index), header, window)
        if header.PhotometricInterpretation == "PALETTE COLOR":
            values = apply_color_lut(values, _little_endian_palette(header))
            return _eight_bits(values, 16 if values.dtype.itemsize > 1 else 8)
        return _eight_bits(values, int(header.BitsStored))


def tones(header: Dataset, index: int) -> Dataset:
    """The attributes that turn stored values into grey, for one frame (from 0): its own, the shared, the header's."""
    made = Dataset()
    shared = header.get("SharedFunctionalGroupsSequence") or []
    frames = header.get("PerFrameFunctionalGroupsSequence") or []
    groups = [*shared[:1], *frames[index : index + 1]]
    places = [header, *(item for group in groups for name in _GROUPS for item in (group.get(name) or [])[:1])]
    for place in places:
        for name in _TONES:
            if name in place:
                made[name] = place[name]
    return made


def window_of(tone: Dataset) -> Window | None:
    """The first window of a file, when it has a usable one."""
    centers, widths = (_numbers(tone.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function: Any = str(tone.get("VOILUTFunction") or "LINEAR").upper()
    if not centers or not widths or not math.isfinite(centers[0]) or not math.isfinite(widths[0]):
        return None
    if widths[0] < (1 if function == "LINEAR" else np.finfo(float).tiny):
        return None
    return Window(centers[0], widths[0], function)


def ramp(values: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Values through a window, 0..1."""
    center, width, function = window
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700))))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width <= 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _grey(values: NDArray[Any], tone: Dataset, header: Dataset, window: Window | None) -> NDArray[np.uint8]:
    chosen = window or (None if tone.get("VOILUTSequence") else window_of(tone))
    dark_first = header.PhotometricInterpretation == "MONOCHROME1" or tone.get("PresentationLUTShape") == "INVERSE"
    strips = [slice(row, row + STRIP) for row in range(0, len(values), STRIP)]
    ends = (0.0, 0.0) if chosen or tone.get("VOILUTSequence") else _ends(values, strips, tone, int(header.BitsStored))
    made = np.empty(values.shape, np.uint8)
    for strip in strips:
        levels = apply_modality_lut(values[strip], tone)
        if chosen:
            light = ramp(levels.astype(np.float64), chosen)
        elif tone.get("VOILUTSequence"):
            looked_up = apply_voi(levels if levels.dtype.kind in "iu" else np.rint(levels).astype(np.int64), tone)
            light = looked_up / (2 ** int(tone.VOILUTSequence[0].LUTDescriptor[2]) - 1)
        else:
            light = (levels.astype(np.float64) - ends[0]) / (ends[1] - ends[0] or 1)
        made[strip] = np.rint((1 - light if dark_first else light) * WHITE)
    return made


def _little_endian_palette(header: Dataset) -> Dataset:
    """For plain palettes, as pydicom reads the order of bytes of segmented ones only."""
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTableData"
        if name in header and not header.original_encoding[1]:
            header[name].value = swapped(header[name].value, "OW")
    return header


def _ends(values: NDArray[Any], strips: Sequence[slice], tone: Dataset, bits: int) -> tuple[float, float]:
    """Without a window, the darkest and the brightest value of the frame are black and white."""
    if bits == 1:
        return 0.0, 1.0
    found = [
        (float(levels.min()), float(levels.max())) for levels in (apply_modality_lut(values[s], tone) for s in strips)
    ]
    return min(low for low, _ in found), max(high for _, high in found)


def _eight_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if values.ndim != 3 or values.shape[2] != 3:  # noqa: PLR2004 (rows, columns, red green blue)
        raise Unreadable("The picture is neither grey nor RGB")
    return (values if bits <= 8 else values >> (bits - 8)).astype(np.uint8)  # noqa: PLR2004 (bits of a byte)


def _numbers(value: Any) -> list[float]:  # noqa: ANN401 (a value or several)
    if value is None or value == "":
        return []
    return [float(each) for each in (value if hasattr(value, "__iter__") else [value])]
