"""Decoded pixels: as stored for a viewer, as a reader would see them for a model.

Sources: PS3.18 10.4.1.1.3 (frames), PS3.3 C.11 (modality and VOI LUT), C.7.6.3.1.2 (photometric interpretation).
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from services.imaging.dicom.header import Unreadable, source_header

LARGEST_FRAME: Final = 512 * 1024 * 1024
"""Bytes of the largest frame that is decoded, whatever a header claims; a mammogram has about 50 MB."""


BRIGHTEST: Final = 255
"""Of a colour, however many bits the file has."""


def frame(path: Path, number: int) -> bytes:
    """One frame (from 1) as stored: decompressed, little endian, colour by pixel, no rescale (PS3.18 10.4.1.1.3).

    Raises:
        Unreadable: the pixels cannot be decoded.
        IndexError: there is no such frame.
    """
    values = _decode(path, number - 1, raw=True)[0]
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def picture(path: Path, number: int = 1) -> NDArray[np.float32]:
    """One frame (from 1) as a reader would see it.

    Returns:
        Grey: shape (rows, columns), after modality and VOI LUT, high is white. Colour: shape (rows, columns, 3), red,
        green and blue from 0 to 255.

    Raises:
        Unreadable: the pixels cannot be decoded, or there is no such frame.
    """
    try:
        values, header = _decode(path, number - 1, raw=False)
    except IndexError:
        raise Unreadable("There is no such frame") from None
    try:
        shown = _colour(values, header) if _has_colour(header) else _grey(values, header)
    except Exception:  # noqa: BLE001 (whatever a LUT holds)
        raise Unreadable("The grey scale or the palette cannot be applied") from None
    if shown.shape[:2] != (header.Rows, header.Columns) or shown.ndim != 2 + _has_colour(header):
        raise Unreadable("The picture has another shape than its header")
    return np.asarray(shown, dtype=np.float32)


def _has_colour(header: Dataset) -> bool:
    return header.PhotometricInterpretation not in {"MONOCHROME1", "MONOCHROME2"}


def _grey(values: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    shown = apply_voi_lut(apply_modality_lut(values, header), header).astype(np.float32)
    if header.PhotometricInterpretation == "MONOCHROME1":
        shown = shown.max() + shown.min() - shown
    return np.asarray(shown, dtype=np.float32)


def _colour(values: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    """The decoder has made red, green and blue of the other colour spaces; a palette is looked up here."""
    if header.PhotometricInterpretation == "PALETTE COLOR":
        values = apply_color_lut(values, header)
        bits = 8 * values.dtype.itemsize
    else:
        bits = int(header.BitsStored)
    return values[..., :3].astype(np.float32) * np.float32(BRIGHTEST / (2**bits - 1))


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
