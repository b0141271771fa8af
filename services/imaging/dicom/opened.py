"""A DICOM file as a stream that can be read from its start; a deflated one is inflated first, and never without bound.

Sources: PS3.10 7.1 (file meta information), PS3.5 A.5 (deflated transfer syntax).
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, Final

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomIO
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.instance import Failure
from shared.errors import Unavailable

INFLATED: Final = 256 * 1024 * 1024
"""Bytes of the largest data set that is inflated: a bomb grows a thousandfold; reports are deflated, seldom pixels."""

_PIECE: Final = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, or its plain twin that is gone when the block ends.

    Raises:
        NotTaken: deflated, and larger than can be inflated, or not whole.
        InvalidDicomError: no DICOM file.
        Unavailable: no room for the twin.
    """
    with path.open("rb") as file:
        meta = _meta(file)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            file.seek(0)
            yield file
            return
        with TemporaryFile(dir=path.parent) as twin:
            _inflate(file, meta, twin)
            twin.seek(0)
            yield twin


def _meta(file: BinaryIO) -> FileMetaDataset:
    read_preamble(file, force=False)
    return _read_file_meta_info(file)


def _inflate(file: BinaryIO, meta: FileMetaDataset, twin: IO[bytes]) -> None:
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    try:
        twin.write(b"\0" * 128 + b"DICM")
        write_file_meta_info(DicomIO(twin), meta, enforce_standard=False)
        while not inflating.eof and (piece := inflating.unconsumed_tail or file.read(_PIECE)):
            plain = inflating.decompress(piece, _PIECE)
            size += len(plain)
            if size > INFLATED:
                raise NotTaken(Failure.TOO_LARGE)
            twin.write(plain)
    except zlib.error:
        raise NotTaken(Failure.DAMAGED) from None
    except OSError as error:
        raise Unavailable("A file cannot be inflated now", fix="Make room in HUB_IMAGING_STORE_DIR.") from error
    if not inflating.eof:
        raise NotTaken(Failure.DAMAGED)
