"""The DICOM files of an examination: a synthetic child's radiograph, or the real adult's under an invented name.

Sources: DICOM PS3.3 A.2 (CR Image IOD); the adult radiograph is RG1 of the PyPI package pydicom-data (MIT).
"""

from importlib.metadata import files
from io import BytesIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from services.simulator import radiographs
from services.simulator.domain import ISSUER, Examination
from shared.errors import Unavailable

ADULT = "RG1_J2KR.dcm"
"""CR chest, 1841 x 1955, MONOCHROME1, JPEG 2000 without loss."""

_BITS = 12
_SPACING_MM = 0.4


def part10(examination: Examination) -> bytes:
    """The one file of an examination, in the format of DICOM PS3.10."""
    made = _adult() if examination.picture == "adult" else _child(examination)
    _identify(made, examination)
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _adult() -> Dataset:
    found = next((file for file in files("pydicom-data") or [] if file.name == ADULT), None)
    if found is None:
        raise Unavailable("The package pydicom-data does not hold the adult radiograph", fix="Install it again.")
    made = dcmread(str(found.locate()))
    for keyword in ("OtherPatientIDs", "InstitutionName", "SourceImageSequence", "DeviceSerialNumber"):
        made.pop(keyword, None)
    made.ImageComments = "Real radiograph of the package pydicom-data; SYNTHETIC identity"
    return made


def _child(examination: Examination) -> Dataset:
    label: radiographs.Label = "pneumonia" if examination.picture == "pneumonia" else "normal"
    grey = radiographs.draw(label, examination.sample).astype(np.uint32)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = ComputedRadiographyImageStorage
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.Modality = "CR"
    made.Manufacturer = "Consilium simulator"
    made.BodyPartExamined = "CHEST"
    made.ViewPosition = "AP"
    made.KVP = None
    made.PatientOrientation = ["L", "F"]
    made.ImageComments = "SYNTHETIC"
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.Rows, made.Columns = grey.shape
    made.PixelSpacing = [_SPACING_MM, _SPACING_MM]
    made.BitsAllocated = 16
    made.BitsStored = _BITS
    made.HighBit = _BITS - 1
    made.PixelRepresentation = 0
    made.WindowCenter = 2 ** (_BITS - 1)
    made.WindowWidth = 2**_BITS
    made.PixelData = (grey * (2**_BITS - 1) // 255).astype("<u2").tobytes()
    return made


def _identify(made: Dataset, examination: Examination) -> None:
    """The same patient, order and time as the FHIR announcement says."""
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = UID(examination.instance_uid)
    made.SOPInstanceUID = UID(examination.instance_uid)
    made.StudyInstanceUID = UID(examination.study_uid)
    made.SeriesInstanceUID = UID(examination.series_uid)
    made.PatientName = f"{examination.family}^{examination.given}"
    made.PatientID = examination.mrn
    made.IssuerOfPatientID = ISSUER
    made.PatientBirthDate = examination.born.strftime("%Y%m%d")
    made.PatientSex = "F" if examination.gender == "female" else "M"
    made.AccessionNumber = examination.accession
    made.ReferringPhysicianName = "SYNTHETIC-WARD^Dana"
    made.StudyID = examination.order
    made.StudyDescription = "Chest radiograph"
    made.SeriesNumber = 1
    made.InstanceNumber = 1
    for kind in ("Study", "Series", "Content"):
        setattr(made, f"{kind}Date", examination.started.strftime("%Y%m%d"))
        setattr(made, f"{kind}Time", examination.started.strftime("%H%M%S"))
    made.TimezoneOffsetFromUTC = "+0000"
