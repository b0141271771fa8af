"""The heat map as a derived DICOM instance of the same study; made again, it is the same instance.

Sources: PS3.3 A.8.1 (Secondary Capture Image IOD), C.7.6.1.1.2 (derived images), PS3.5 B.2 (UIDs made of UUIDs).
"""

from io import BytesIO
from typing import Final
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

LONGEST_EDGE: Final = 512
"""Rows or columns of the map; the evidence behind it is far coarser."""

DESCRIPTION: Final = "AI heat map - not for diagnosis"
FIRST_SERIES: Final = 9000
"""Series Number of what the hub derives, after the modality's own."""

_COPIED: Final = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
    "BodyPartExamined",
    "PatientOrientation",
    "Laterality",
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
    "PatientOrientation",
)


def uid_of(*parts: str) -> str:
    """The same UID for the same parts, under the root of UUIDs."""
    return f"2.25.{uuid5(NAMESPACE_OID, '|'.join(parts)).int}"


def heat_map(source: Dataset, heat: NDArray[np.float32], model: str, version: str, frame: int = 1) -> Dataset:
    """The instance, with its file meta information.

    Args:
        source: header of the picture that was read.
        heat: shape (rows, columns) of that picture, 0..1.
        frame: of the picture, from 1.
    """
    grey = _shrink(heat)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    for keyword in _COPIED:
        if keyword in source:
            made[keyword] = source[keyword]
    for keyword in _TYPE_2:
        if keyword not in made:
            setattr(made, keyword, None)
    made.SOPClassUID = SecondaryCaptureImageStorage
    made.SOPInstanceUID = uid_of(source.SOPInstanceUID, model, version, "heat map")
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.SeriesInstanceUID = uid_of(source.StudyInstanceUID, model, version, "heat maps")
    made.SeriesNumber = FIRST_SERIES
    made.InstanceNumber = source.get("InstanceNumber")
    made.Modality = "OT"
    made.ConversionType = "SYN"
    made.SeriesDescription = DESCRIPTION
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.Manufacturer = "Consilium"
    made.ManufacturerModelName = model
    made.SoftwareVersions = version
    made.DerivationDescription = f"Evidence of {model} {version}; white raised the answer most"
    made.ImageComments = "AI overlay - not for diagnosis"
    made.BurnedInAnnotation = "NO"
    made.SourceImageSequence = Sequence([_reference(source, frame)])
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.Rows, made.Columns = grey.shape
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.PixelRepresentation = 0
    made.PixelData = grey.tobytes() + b"\0" * (grey.size % 2)
    return made


def _reference(source: Dataset, frame: int) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID = source.SOPClassUID
    made.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if "NumberOfFrames" in source:
        made.ReferencedFrameNumber = frame
    return made


def _shrink(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The map is smooth over many pixels, so those in the middle of what each new one covers say enough."""
    factor = min(1.0, LONGEST_EDGE / max(heat.shape))
    rows, columns = (_middles(edge, max(1, round(edge * factor))) for edge in heat.shape)
    return np.round(heat[np.ix_(rows, columns)].clip(0, 1) * 255).astype(np.uint8)


def _middles(edge: int, wanted: int) -> NDArray[np.intp]:
    return (2 * np.arange(wanted) + 1) * edge // (2 * wanted)


def part10(made: Dataset) -> bytes:
    """The file of an instance (PS3.10)."""
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
