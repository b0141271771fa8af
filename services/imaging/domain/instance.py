"""One DICOM instance as its header describes it, and what becomes of it at the door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Instance:
    """What the hub keeps of a header (PS3.3): empty text where the file says nothing.

    Attributes:
        digest: SHA-256 of the file in hex, which is also where it lies.
        size: of the file in bytes.
        view: View Position (0018,5101), such as PA, AP or LL.
        study_date: YYYYMMDD, as written.
        birth_date: YYYYMMDD, as written.
        has_pixels: whether Pixel Data (7FE0,0010) is there.
        hub_made: whether this hub derived it; such ones are never counted and never read.
        photometric: Photometric Interpretation (0028,0004).
        spacing: millimetres between rows and between columns; empty when unknown.
        test_subject: whether it shows a phantom or a test patient, as `dicom.subject` decides at the door.
        attributes: what searches match and answer, in the DICOM JSON model (PS3.18 F.2); on the way in only, as the
            store gives it back to searches alone.
    """

    uid: str
    series: str
    study: str
    sop_class: str
    transfer_syntax: str
    digest: str
    size: int
    patient_id: str
    issuer: str
    modality: str
    body_part: str
    view: str
    image_type: str
    number: int | None
    rows: int
    columns: int
    frames: int
    study_date: str
    birth_date: str
    has_pixels: bool
    hub_made: bool = False
    photometric: str = ""
    spacing: tuple[float, ...] = ()
    test_subject: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def is_secondary(self) -> bool:
        """Made after the examination from other pictures: Image Type (0008,0008) value 2, PS3.3 C.7.6.1.1.2."""
        return self.image_type.split("\\")[1:2] == ["SECONDARY"]


class Failure(StrEnum):
    """Why a file was not taken in; it waits in quarantine under this reason.

    OTHER_OBJECT: the data set is of another SOP class or instance than the request says.
    """

    NOT_DICOM = "not-dicom"
    DAMAGED = "damaged"
    INCOMPLETE_HEADER = "incomplete-header"
    TRANSFER_SYNTAX = "transfer-syntax"
    OTHER_STUDY = "other-study"
    CONFLICT = "conflict"
    OTHER_OBJECT = "other-object"
    TOO_LARGE = "too-large"


class Stored(StrEnum):
    """How a file was taken in; all three are a success to the sender."""

    NEW = "new"
    DUPLICATE = "duplicate"
    OURS = "ours"


@dataclass(frozen=True)
class Refused:
    """A file that was put aside; UIDs as far as they could be read."""

    reason: Failure
    sop_class: str = ""
    uid: str = ""


class SeriesCount(NamedTuple):
    """A series and how many of its instances are stored."""

    uid: str
    modality: str
    instances: int


class Reference(NamedTuple):
    """An instance as others name it: the UIDs of its SOP class and its own."""

    sop_class: str
    uid: str
