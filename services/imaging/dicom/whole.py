"""Whether a file holds all the pixels that it announces, seen without reading them.

Sources: DICOM PS3.5 7.1 (data elements), A.4 (encapsulated pixels).
"""

from os import fstat
from pathlib import Path
from typing import BinaryIO, Final, Literal

from pydicom.encaps import parse_fragments

from services.imaging.domain.instance import Failure

_PIXELS: Final = (0x7FE0, 0x0010)
_REAL_PIXELS: Final = frozenset({(0x7FE0, 0x0008), (0x7FE0, 0x0009)})
"""Float and Double Float Pixel Data: no picture, but they too must be whole."""

_UNDEFINED: Final = 0xFFFFFFFF
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


_META_LENGTH: Final = 140
"""Where the length of the file meta information stands: preamble, DICM, tag, VR and length go before (PS3.10 7.1)."""

_PIECE: Final = 1 << 20


class NotTaken(Exception):
    """A file cannot be taken in, for a reason."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(str(reason))
        self.reason = reason


def pixels_follow(file: BinaryIO, order: Literal["little", "big"] = "little") -> bool:
    """Whether there are pixels where the header ends.

    Args:
        file: read up to its pixels.
        order: of its bytes.

    Raises:
        NotTaken: it ends before they do.
    """
    size = fstat(file.fileno()).st_size
    if file.tell() > size:
        raise NotTaken(Failure.DAMAGED)
    start = file.read(12)
    if len(start) < 8:  # noqa: PLR2004 (a tag and a length)
        return False
    tag = (int.from_bytes(start[:2], order), int.from_bytes(start[2:4], order))
    if tag != _PIXELS and tag not in _REAL_PIXELS:
        return False
    if start[4:6].isalpha():
        length = int.from_bytes(start[8:12], order)
    else:
        length = int.from_bytes(start[4:8], order)
        file.seek(-4, 1)
    if length != _UNDEFINED:
        if file.tell() + length > size:
            raise NotTaken(Failure.DAMAGED)
        return length > 0 and tag == _PIXELS
    fragments, offsets = parse_fragments(file)
    file.seek(offsets[-1] + 4 if offsets else 0)
    last = int.from_bytes(file.read(4), "little")
    file.seek(last, 1)
    if fragments < 2 or file.read(8) != _SEQUENCE_END:  # noqa: PLR2004 (offset table and a frame)
        raise NotTaken(Failure.DAMAGED)
    return True


def same_data_set(first: Path, second: Path) -> bool:
    """Whether two files differ at most in their meta information, as when one instance comes by two doors."""
    with first.open("rb") as one, second.open("rb") as other:
        one.seek(_data_set_start(one))
        other.seek(_data_set_start(other))
        while True:
            piece = one.read(_PIECE)
            if piece != other.read(_PIECE):
                return False
            if not piece:
                return True


def _data_set_start(file: BinaryIO) -> int:
    file.seek(_META_LENGTH)
    return _META_LENGTH + 4 + int.from_bytes(file.read(4), "little")
