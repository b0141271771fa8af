"""Made instances for the listener's tests."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def picture(**changes: Any) -> Dataset:
    """A small CT slice of nobody; elements can be changed."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.IssuerOfPatientID = "SYNTHETIC^Listener", "SYN-0001", "ST-LUKE"
    made.StudyDate, made.Modality, made.AccessionNumber = "20260601", "CT", "A-1"
    made.InstanceNumber = 1
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = 64
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = np.random.default_rng(1).integers(0, 4096, (64, 64)).astype("<u2").tobytes()
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def content(made: Dataset) -> bytes:
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write(folder: Path, *pictures: Dataset) -> list[str]:
    """Files of pictures, as command line tools want them."""
    folder.mkdir(exist_ok=True)
    paths = []
    for made in pictures:
        path = folder / f"{made.SOPInstanceUID}.dcm"
        path.write_bytes(content(made))
        paths.append(str(path))
    return paths


def data_set(made: Dataset) -> bytes:
    """A picture as it travels: explicit VR, little endian, without preamble and meta information."""
    writer = DicomBytesIO()
    writer.is_little_endian, writer.is_implicit_VR = True, False
    write_dataset(writer, made)
    return writer.getvalue()
