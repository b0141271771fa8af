"""Decoded pixels: as stored for a viewer, as a reader would see them for a model.

Sources: PS3.18 10.4.1.1.3 (frames), PS3.3 C.11 (modality and VOI LUT), C.7.6.3.1.2 (photometric interpretation).
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from services.imaging.dicom.header import Unreadable, source_header

LARGEST_FRAME: Final = 512 * 1024 * 1024
"""Bytes of the largest frame that is decoded, whatever a header claims; a mammogram has about 50 MB."""


def frame(path: Path, number: int) -> bytes:
    """One frame (from 1) as stored: decompressed, little endian, colour by pixel, no rescale (PS3.18 10.4.1.1.3).

    Raises:
        Unreadable: the pixels cannot be decoded.
        IndexError: there is no such frame.
    """
    values = _decode(path, number - 1, raw=True)[0]
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def picture(path: Path) -> NDArray[np.float32]:
    """The first frame as a reader would see it: after modality and VOI LUT, high is white.

    Raises:
        Unreadable: the pixels cannot be decoded, or are no greyscale picture.
    """
    values, header = _decode(path, 0, raw=False)
    try:
        shown = apply_voi_lut(apply_modality_lut(values, header), header).astype(np.float32)
    except Exception:  # noqa: BLE001 (whatever a LUT holds)
        raise Unreadable("The grey scale cannot be applied") from None
    if shown.ndim != 2:  # noqa: PLR2004 (rows and columns)
        raise Unreadable("The picture is not greyscale")
    if header.PhotometricInterpretation == "MONOCHROME1":
        shown = shown.max() + shown.min() - shown
    return np.asarray(shown, dtype=np.float32)


def _decode(path: Path, index: int, *, raw: bool) -> tuple[NDArray[Any], Dataset]:
    header = source_header(path)
    try:
        frames = int(header.get("NumberOfFrames") or 1)
        size = int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel", 1))
        size *= int(header.BitsAllocated) // 8 or 1
    except (AttributeError, TypeError, ValueError):
        raise Unreadable("The header does not describe its pixels") from None
    if not 0 <= index < frames:
        raise IndexError(index)
    if size > LARGEST_FRAME:
        raise Unreadable("The picture is too large to be decoded")
    try:
        return pixel_array(path, index=index, raw=raw), header
    except Exception:  # noqa: BLE001 (decoders raise what a hostile file makes them raise; MemoryError too)
        raise Unreadable("The pixels cannot be decoded") from None
