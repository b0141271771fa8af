"""The heat map as a derived DICOM instance of the same study; made again, it is the same instance.

Sources: PS3.3 A.8.1 (Secondary Capture Image IOD), C.7.6.1.1.2 (derived images).
"""

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from services.imaging.dicom.identity import identity_of
from services.imaging.dicom.side import side_of
from services.imaging.domain.results import uid_of

LONGEST_EDGE: Final = 512
"""Rows or columns of the map; the evidence behind it is far coarser."""

DESCRIPTION: Final = "AI heat map - not for diagnosis"
FIRST_SERIES: Final = 9000
"""Series Number of what the hub derives, after the modality's own."""

_COPIED: Final = ("BodyPartExamined", "PatientOrientation")
"""Of the picture, beside whose and which study's it is."""


def heat_map(source: Dataset, heat: NDArray[np.float32], model: str, version: str, frame: int = 1) -> Dataset:
    """The instance, with its file meta information.

    Args:
        source: header of the picture that was read.
        heat: shape (rows, columns) of that picture, 0..1.
        frame: of the picture, from 1.
    """
    made = secondary_capture(source, _shrink(heat), frame)
    made.SOPInstanceUID = uid_of(source.SOPInstanceUID, model, version, "heat map")
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.SeriesInstanceUID = uid_of(source.StudyInstanceUID, model, version, "heat maps")
    made.SeriesNumber = FIRST_SERIES
    made.InstanceNumber = source.get("InstanceNumber")
    made.SeriesDescription = DESCRIPTION
    made.ManufacturerModelName = model
    made.SoftwareVersions = version
    made.DerivationDescription = f"Evidence of {model} {version}; white raised the answer most"
    made.ImageComments = "AI overlay - not for diagnosis"
    return made


def secondary_capture(source: Dataset, values: NDArray[np.uint8], frame: int = 1) -> Dataset:
    """A Secondary Capture Image without its own UIDs and descriptions.

    Args:
        source: header of the picture that it is made from.
        values: grey, shape (rows, columns), or red, green and blue, shape (rows, columns, 3).
        frame: of that picture, from 1.
    """
    made = identity_of(source)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = SecondaryCaptureImageStorage
    for keyword in _COPIED:
        if source.get(keyword):
            made[keyword] = source[keyword]
    if (side := side_of(source, frame)) is not None:
        made.Laterality = side
    made.PatientOrientation = made.get("PatientOrientation")
    made.Modality = "OT"
    made.ConversionType = "SYN"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.Manufacturer = "Consilium"
    made.BurnedInAnnotation = "NO"
    made.SourceImageSequence = Sequence([_reference(source, frame)])
    colour = values.ndim == 3  # noqa: PLR2004 (rows, columns, colours)
    made.SamplesPerPixel, made.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        made.PlanarConfiguration = 0
    made.Rows, made.Columns = values.shape[:2]
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit = 7
    made.PixelRepresentation = 0
    made.PixelData = values.tobytes() + b"\0" * (values.size % 2)
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
