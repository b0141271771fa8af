"""Decoded pixels: as stored for a viewer, as a reader would see them for a model.

Sources: PS3.18 10.4.1.1.3 (frames), PS3.3 C.11 (modality and VOI LUT), C.7.6.3.1.2 (photometric interpretation).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pack_bits, pixel_array

from services.imaging.dicom.codestream import declared
from services.imaging.dicom.frame_bytes import bits, compressed, lies_as_given, stretch
from services.imaging.dicom.guarding import guarded
from services.imaging.dicom.header import Unreadable, source_header
from services.imaging.dicom.opened import opened

LARGEST_FRAME: Final = 256 * 1024 * 1024
"""Bytes of the largest frame that is decoded, whatever a header claims; a mammogram has about 50 MB."""

MOST_PIXELS: Final = 64 * 1024 * 1024
"""Of one frame; a mammogram has 30 million. Models see real numbers, which take tens of bytes a pixel on the way."""

GROWN: Final = 2
"""How many times larger than its pixels a compressed frame may be; one that is, is no picture but an attack."""

_SLACK: Final = 64 * 1024
"""Bytes of markers, tables and colour profiles beside the pixels of a compressed frame."""


BRIGHTEST: Final = 255
"""Of a colour, however many bits the file has."""


def frame(path: Path, number: int) -> bytes:
    """One frame (from 1) as stored: decompressed, little endian, colour by pixel, no rescale (PS3.18 10.4.1.1.3).

    Raises:
        Unreadable: the pixels cannot be decoded.
        IndexError: there is no such frame.
    """
    return _as_stored(*decode(path, number - 1, raw=True))


def _as_stored(values: NDArray[Any], header: Dataset) -> bytes:
    if header.BitsAllocated == 1:
        return bytes(pack_bits(values.reshape(-1), pad=False))
    allocated = np.dtype(f"<{values.dtype.kind}{header.BitsAllocated // 8}")  # decoders give what the frame needs
    return values.astype(allocated, copy=False).tobytes()


def stored_frame(path: Path, number: int) -> bytes:
    """One frame (from 1) of a compressed instance as it lies in its file.

    Raises:
        Unreadable: it does not lie there.
        IndexError: there is no such frame.
    """
    header = source_header(path)
    frames = _frames(header)
    if not 0 < number <= frames:
        raise IndexError(number)
    with guarded("The frame does not lie in its file"), opened(path) as file:
        return compressed(file, number - 1, frames)


def picture(path: Path, number: int = 1) -> NDArray[np.float32]:
    """One frame (from 1) as a reader would see it.

    Returns:
        Grey: shape (rows, columns), after modality and VOI LUT, high is white. Colour: shape (rows, columns, 3), red,
        green and blue from 0 to 255.

    Raises:
        Unreadable: the pixels cannot be decoded, or there is no such frame.
    """
    try:
        values, header = decode(path, number - 1, raw=False)
    except IndexError:
        raise Unreadable("There is no such frame") from None
    with guarded("The grey scale or the palette cannot be applied"):
        shown = _colour(values, header) if _has_colour(header) else _grey(values, header)
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


def decode(path: Path, index: int, *, raw: bool) -> tuple[NDArray[Any], Dataset]:
    """One frame (from 0), and the header.

    Args:
        raw: as stored; otherwise YBR becomes RGB.

    Returns:
        Shape (rows, columns) or (rows, columns, samples).

    Raises:
        Unreadable: the pixels cannot be decoded.
        IndexError: there is no such frame.
    """
    header = source_header(path)
    return _decode(path, header, index, raw=raw), header


def _decode(path: Path, header: Dataset, index: int, *, raw: bool) -> NDArray[Any]:
    frames = _frames(header)
    with guarded("The header does not describe its pixels"):
        pixels = int(header.Rows) * int(header.Columns)
        samples = pixels * int(header.get("SamplesPerPixel", 1))
        size = samples * (int(header.BitsAllocated) // 8 or 1)
    if not 0 <= index < frames:
        raise IndexError(index)
    if size > LARGEST_FRAME or pixels > MOST_PIXELS:
        raise Unreadable("The picture is too large to be decoded")
    with guarded("The pixels cannot be decoded"), opened(path) as file:
        if header.file_meta.TransferSyntaxUID.is_encapsulated:
            _require_honest(compressed(file, index, frames), header, size)
            file.seek(0)
        elif header.BitsAllocated == 1 and samples % 8 and header.original_encoding[1]:
            return bits(file, header, index * samples, samples)
        return pixel_array(file, index=index, raw=raw)


def frames_of(path: Path, count: int) -> Iterator[bytes]:
    """Every frame as `frame` gives it, one after the other.

    Raises:
        Unreadable: a frame cannot be decoded.
    """
    header = source_header(path)
    if lies_as_given(header):
        yield from stretch(path, header, count)
        return
    for index in range(count):
        yield _as_stored(_decode(path, header, index, raw=True), header)


def _frames(header: Dataset) -> int:
    with guarded("The header does not say how many frames there are"):
        return max(1, int(header.get("NumberOfFrames") or 1))


def _require_honest(compressed: bytes, header: Dataset, size: int) -> None:
    """A decoder asks for as much memory as the frame says, whatever the header does.

    Raises:
        Unreadable: the frame is another size than the header's, or absurdly long.
    """
    found = declared(compressed)
    if found and (found.rows, found.columns) != (header.Rows, header.Columns):
        raise Unreadable("The frame is of another size than its header says")
    if found and found.samples > int(header.get("SamplesPerPixel", 1)):
        raise Unreadable("The frame has more colours than its header says")
    if len(compressed) > GROWN * size + _SLACK:
        raise Unreadable("The frame is longer than its pixels")
