"""A file in another transfer syntax than it came in: Explicit VR Little Endian, which every reader must know.

Sources: PS3.5 A.2 (explicit VR little endian), 10.1 (the default), PS3.18 8.7.3 (DICOM media types).
"""

from io import BytesIO
from pathlib import Path
from typing import Final

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from services.imaging.dicom.guarding import guarded
from services.imaging.dicom.header import Unreadable, source_header
from services.imaging.dicom.metadata import swapped
from services.imaging.dicom.opened import opened
from services.imaging.dicom.pixels import decode

LARGEST: Final = 512 * 1024 * 1024
"""Bytes of the largest decompressed instance that is made."""


def explicit(path: Path) -> bytes:
    """The file in Explicit VR Little Endian; YBR of a lossy JPEG becomes RGB, as its decoder gives it.

    Raises:
        Unreadable: the pixels cannot be decoded, or would be too large.
    """
    header = source_header(path)
    with guarded("The file cannot be written in Explicit VR Little Endian"):
        syntax = header.file_meta.TransferSyntaxUID
        if syntax.is_encapsulated and "Rows" in header:
            _require_room(header)
            decode(path, 0, raw=True)  # refuses a frame that lies about its size, before all are decoded
        with opened(path) as file:
            made = dcmread(file)
            if syntax.is_encapsulated:
                made.decompress(generate_instance_uid=False)
            elif not syntax.is_little_endian:
                _turn(made, int(made.get("BitsAllocated", 16)))
            made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            buffer = BytesIO()
            dcmwrite(buffer, made, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return buffer.getvalue()


def _require_room(header: Dataset) -> None:
    size = int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel", 1)) * int(header.BitsAllocated)
    if size // 8 * int(header.get("NumberOfFrames") or 1) > LARGEST:
        raise Unreadable("The decompressed instance would be too large")


def _turn(data: Dataset, allocated: int) -> None:
    """Words into little endian: pydicom writes the bytes of long binary values as it read them.

    Args:
        allocated: bits of a pixel; those of 32 lie in the file as such, though the VR says words of 16.
    """
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                _turn(item, allocated)
        elif isinstance(element.value, bytes):
            wide = element.keyword == "PixelData" and allocated > 16  # noqa: PLR2004 (bits of OW)
            element.value = swapped(element.value, "OL" if wide else element.VR)
