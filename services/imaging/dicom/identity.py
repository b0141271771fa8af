"""Whose and which study's a derived instance is: copied from the picture that was read, as far as it is legal there.

Sources: PS3.3 C.7.1.1 (Patient), C.7.2.1 (General Study), PS3.5 6.2 (what a value of each kind may hold).
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pydicom.dataset import Dataset

from services.imaging.domain.reading import parse_date

_KEPT: Final = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "QualityControlSubject",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
)
_TYPE_2: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_LEGAL: Final = {
    "PatientBirthDate": re.compile(r"[0-9]{8}"),
    "PatientSex": re.compile(r"[MFO]"),
    "PatientAge": re.compile(r"[0-9]{3}[DWMY]"),
    "QualityControlSubject": re.compile(r"YES|NO"),
    "StudyDate": re.compile(r"[0-9]{8}"),
    "StudyTime": re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?"),
    "StudyID": re.compile(r"[^\\]{0,16}"),
    "AccessionNumber": re.compile(r"[^\\]{0,16}"),
    "PatientID": re.compile(r"[^\\]{0,64}"),
    "IssuerOfPatientID": re.compile(r"[^\\]{0,64}"),
    "StudyDescription": re.compile(r"[^\\]{0,64}"),
    "TimezoneOffsetFromUTC": re.compile(r"[+-][0-9]{4}"),
}
_ISSUERS: Final = ("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType")
_SEQUENCES: Final = {
    "IssuerOfPatientIDQualifiersSequence": _ISSUERS,
    "IssuerOfAccessionNumberSequence": _ISSUERS,
    "OtherPatientIDsSequence": ("PatientID", "IssuerOfPatientID", "TypeOfPatientID"),
}
"""Who gave the numbers out, and the patient's other numbers: what is kept of their items."""

_ITEMS: Final = 16
_DATES: Final = frozenset({"PatientBirthDate", "StudyDate"})
_UTF_8: Final = "ISO_IR 192"
_LONGEST: Final = 64
"""Characters of LO (PS3.5 table 6.2-1)."""


def identity_of(source: Dataset) -> Dataset:
    """Patient and study of a picture's header, in UTF-8; what would be illegal there is left empty."""
    made = Dataset()
    made.SpecificCharacterSet = _UTF_8
    for keyword in _KEPT:
        value = str(source.get(keyword) or "").strip("\0 ")
        if value and _is_legal(keyword, value):
            setattr(made, keyword, value)
    for keyword in _TYPE_2:
        if keyword not in made:
            setattr(made, keyword, None)
    for keyword, inside in _SEQUENCES.items():
        if items := _items(source, keyword, inside):
            setattr(made, keyword, items)
    if str(source.get("PatientIdentityRemoved") or "").strip() == "YES":
        made.PatientIdentityRemoved = "YES"
        made.DeidentificationMethod = str(source.get("DeidentificationMethod") or "not said")[:_LONGEST]
    return made


def _items(source: Dataset, keyword: str, inside: Sequence[str]) -> list[Dataset]:
    """The items of a sequence, each with its short texts, and none without."""
    found = []
    with suppress(Exception):  # what a hostile file makes pydicom raise, in a sequence that nobody needs
        for item in (source.get(keyword) or [])[:_ITEMS]:
            made = Dataset()
            for name in inside:
                value = str(item.get(name) or "").strip("\0 ")
                if value and len(value) <= _LONGEST and "\\" not in value:
                    setattr(made, name, value)
            if len(made):
                found.append(made)
    return found


def _is_legal(keyword: str, value: str) -> bool:
    pattern = _LEGAL.get(keyword)
    if pattern is not None and not pattern.fullmatch(value):
        return False
    return keyword not in _DATES or parse_date(value) is not None


def picture_of(source: Dataset) -> Dataset:
    """`identity_of`, with what others say when they refer to the picture itself."""
    made = identity_of(source)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"):
        setattr(made, keyword, str(source[keyword].value))
    for keyword in ("Rows", "Columns", "Modality", "NumberOfFrames"):
        if source.get(keyword):
            setattr(made, keyword, source[keyword].value)
    return made
