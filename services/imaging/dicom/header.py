"""DICOM headers as they come, without trust: what the hub keeps of them.

Sources: PS3.10 (file format), PS3.5 A.4 (encapsulated pixels), PS3.18 F (JSON model).
"""

import logging
import re
import warnings
from contextlib import suppress
from dataclasses import replace
from functools import cache
from os import fstat
from pathlib import Path
from typing import Any, Final

from pydicom import config, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.tag import Tag

from services.imaging.dicom import findable, subject
from services.imaging.dicom.opened import opened
from services.imaging.dicom.scan import IMPLICIT, SYNTAX, Unusual, meta, scan
from services.imaging.dicom.whole import NotTaken, pixels_follow
from services.imaging.domain.attributes import STORED
from services.imaging.domain.instance import Failure, Instance
from shared.errors import InvalidResource, Unavailable

HEADER: Final = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "StudyDate",
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ImageType",
    "InstanceNumber",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelSpacing",
    "ImagerPixelSpacing",
    *subject.ELEMENTS,
)
LONGEST: Final = 1024
"""Bytes of the longest header element that is read at the door; a longer one is damage or an attack."""

DEFERRED: Final = 64 * 1024
"""Bytes from which on an element stays on the disk until somebody asks for it."""

TRANSFER_SYNTAXES: Final = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.4.203",
        "1.2.840.10008.1.2.5",
    }
)
"""Little and big endian, deflated, JPEG, JPEG-LS, JPEG 2000 (HT too), RLE; no video."""

BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"

SCANNED: Final = 64 * 1024
"""Bytes in which the header of most instances ends."""

_KEPT: Final = [(keyword, int(Tag(keyword))) for keyword in HEADER]
_WANTED: Final = {
    **{int(attribute.tag, 16): attribute.vr.encode() for attribute in STORED},
    **{tag: dictionary_VR(tag).encode() for _, tag in _KEPT},
}
_TAGS: Final = sorted(_WANTED)
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_UID_LENGTH: Final = 64


class Unreadable(InvalidResource):
    """There are pixels, and they cannot be decoded."""


def parse(path: Path, digest: str, size: int) -> Instance:
    """Read a header up to its pixels, and look whether the file ends where it says.

    Args:
        digest: SHA-256 of the file in hex.
        size: of the file in bytes.

    Raises:
        NotTaken: not DICOM, damaged, without its UIDs, or in an encoding that is not read here.
    """
    _quiet()
    try:
        values, attributes, has_pixels = _read(path)
    except (NotTaken, Unavailable):
        raise
    except InvalidDicomError:
        raise NotTaken(Failure.NOT_DICOM) from None
    except Exception:  # noqa: BLE001 (pydicom raises what a hostile file makes it raise; RecursionError too)
        raise NotTaken(Failure.DAMAGED) from None
    return replace(_instance(values, digest, size, has_pixels=has_pixels), attributes=attributes)


def describe(made: Dataset, digest: str, size: int) -> Instance:
    """What `parse` would say of the file of an instance that the hub made."""
    values = {keyword: _text(made, keyword) for keyword in HEADER}
    values["TransferSyntaxUID"] = str(made.file_meta.TransferSyntaxUID)
    described = _instance(values, digest, size, has_pixels="PixelData" in made)
    return replace(described, hub_made=True, attributes=findable.attributes(made))


def source_header(path: Path) -> Dataset:
    """All of a header, without its pixels.

    Raises:
        Unreadable: it was whole when it came, and is not now.
    """
    _quiet()
    try:
        with opened(path) as file:
            return dcmread(file, stop_before_pixels=True, defer_size=DEFERRED if file.name == str(path) else None)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 (pydicom raises what a hostile file makes it raise)
        raise Unreadable("The header cannot be read") from None


def _read(path: Path) -> tuple[dict[str, str], dict[str, Any], bool]:
    """The values of `HEADER` and the transfer syntax, what searches want, and whether there are pixels."""
    with suppress(Unusual):
        return _scan(path)
    syntax = str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
    if syntax not in TRANSFER_SYNTAXES:
        raise NotTaken(Failure.TRANSFER_SYNTAX)
    with opened(path) as file:
        header = dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, defer_size=LONGEST)
        values = {keyword: _text(header, keyword) for keyword in HEADER}
        attributes = findable.attributes(header)
        has_pixels = pixels_follow(file, "big" if syntax == BIG_ENDIAN else "little")
        return {**values, "TransferSyntaxUID": syntax}, attributes, has_pixels


def _scan(path: Path) -> tuple[dict[str, str], dict[str, Any], bool]:
    """As `_read`, for plain headers."""
    with path.open("rb") as file:
        data = file.read(SCANNED)
        found, start = meta(data)
        syntax = found.get(SYNTAX, b"").decode("ascii", "replace").rstrip("\0 ")
        if syntax not in TRANSFER_SYNTAXES - {DEFLATED, BIG_ENDIAN}:
            raise Unusual(syntax)
        whole = len(data) == fstat(file.fileno()).st_size
        scanned = scan(data, start, _WANTED, implicit=syntax == IMPLICIT, whole=whole)
        values = {keyword: _plain(scanned.values.get(tag, b""), _WANTED[tag]) for keyword, tag in _KEPT}
        attributes = findable.scanned(scanned.values)
        file.seek(scanned.end)
        return {**values, "TransferSyntaxUID": syntax}, attributes, pixels_follow(file)


def _plain(value: bytes, vr: bytes) -> str:
    """A value as `_text` gives it."""
    if len(value) > LONGEST or not value.isascii() or findable.ESCAPE in value:
        raise Unusual("a value that is long, or in another character set")
    if vr == b"US":
        if len(value) not in {0, 2}:
            raise Unusual("several numbers")
        return str(int.from_bytes(value, "little")) if value else ""
    text = value.decode("ascii").replace("\0", "").strip()
    if vr == b"IS" and not re.fullmatch(r"[+-]?[0-9]*", text):
        raise Unusual("no number")
    return text


@cache
def _quiet() -> None:
    """Pydicom's warnings quote values: no patient goes into a log."""
    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom")


def _text(header: Dataset, keyword: str) -> str:
    """A value as plain text, several joined as in the file; empty when there is none."""
    if keyword not in header:
        return ""
    raw = header.get_item(keyword, keep_deferred=True)
    if (getattr(raw, "length", 0) or 0) > LONGEST:
        raise NotTaken(Failure.DAMAGED)
    value = header[keyword].value
    parts = value if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(part) for part in parts if part is not None).replace("\0", "").strip()


def _instance(values: dict[str, str], digest: str, size: int, *, has_pixels: bool) -> Instance:
    uids = [values[name] for name in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")]
    if not all(_UID.fullmatch(uid) and len(uid) <= _UID_LENGTH for uid in uids):
        raise NotTaken(Failure.INCOMPLETE_HEADER)
    uid, sop_class, study, series = uids
    return Instance(
        uid=uid,
        series=series,
        study=study,
        sop_class=sop_class,
        transfer_syntax=values["TransferSyntaxUID"],
        digest=digest,
        size=size,
        patient_id=values["PatientID"],
        issuer=values["IssuerOfPatientID"],
        modality=values["Modality"].upper(),
        body_part=values["BodyPartExamined"].upper(),
        view=values["ViewPosition"].upper(),
        image_type=values["ImageType"].upper(),
        number=_number(values["InstanceNumber"], None),
        rows=_number(values["Rows"], 0) or 0,
        columns=_number(values["Columns"], 0) or 0,
        frames=max(1, _number(values["NumberOfFrames"], 1) or 1),
        study_date=values["StudyDate"],
        birth_date=values["PatientBirthDate"],
        has_pixels=has_pixels,
        photometric=values["PhotometricInterpretation"].upper(),
        spacing=_spacing(values["PixelSpacing"]) or _spacing(values["ImagerPixelSpacing"]),
        test_subject=subject.is_test(values),
    )


def _spacing(text: str) -> tuple[float, ...]:
    """Millimetres between rows and columns; nothing where a file says nothing, or says 0 as some do."""
    try:
        found = tuple(float(part) for part in text.split("\\"))
    except ValueError:
        return ()
    return found if len(found) == 2 and all(0 < distance < 1000 for distance in found) else ()  # noqa: PLR2004


def _number(text: str, otherwise: int | None) -> int | None:
    """A number that fits the database; IS (PS3.5) may be anything in a hostile file."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else otherwise
