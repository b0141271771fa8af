"""How frames lie in a file: one after the other, in bits, or in the items of encapsulated pixels.

Sources: PS3.5 8.1.1 (pixels one after the other), A.4 (encapsulated pixels).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from services.imaging.dicom.guarding import guarded
from services.imaging.dicom.header import DEFERRED, Unreadable
from services.imaging.dicom.opened import opened

_PIECE: Final = 1 << 20


def compressed(file: BinaryIO, index: int, frames: int) -> bytes:
    """A frame (from 0) out of the items in which it lies (PS3.5 A.4)."""
    with guarded("The frame does not lie in its file"):
        _go_to_pixels(file)
        return get_frame(file, index, number_of_frames=frames)


def bits(file: BinaryIO, header: Dataset, start: int, count: int) -> NDArray[np.uint8]:
    """A frame of one bit a pixel that does not begin and end with a byte (PS3.5 8.1.1); pydicom misses some of them."""
    _go_to_pixels(file)
    file.seek(start // 8, 1)
    packed = np.frombuffer(file.read((start % 8 + count + 7) // 8), np.uint8)
    return np.unpackbits(packed, bitorder="little")[start % 8 :][:count].reshape(header.Rows, header.Columns)


def lies_as_given(header: Dataset) -> bool:
    """Whether frames stand in the file, one after the other, as they are given out."""
    with guarded("The header does not describe its pixels"):
        by_pixel = header.get("SamplesPerPixel", 1) == 1 or header.get("PlanarConfiguration", 0) == 0
        whole = header.BitsAllocated % 8 == 0 and header.PhotometricInterpretation != "YBR_FULL_422"
        plain = header.original_encoding[1] and not header.file_meta.TransferSyntaxUID.is_encapsulated
        return bool(plain and by_pixel and whole)


def stretch(path: Path, header: Dataset, count: int) -> Iterator[bytes]:
    """The bytes of so many frames, read once: looking for each frame anew would read the header as often."""
    with guarded("The pixels cannot be read"), opened(path) as file:
        _go_to_pixels(file)
        left = header.Rows * header.Columns * header.get("SamplesPerPixel", 1) * (header.BitsAllocated // 8) * count
        while left and (piece := file.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
        if left:
            raise Unreadable("Fewer pixels are here than the header says")


def _go_to_pixels(file: BinaryIO) -> None:
    """To the first byte behind the length of Pixel Data."""
    dcmread(file, stop_before_pixels=True, specific_tags=[], defer_size=DEFERRED)
    start = file.read(8)
    if start[4:6].isalpha():
        file.seek(4, 1)
