"""A CT of nobody: a ball of known radius and place in an ellipsoid body, cut into slices as a scanner writes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

AIR, BODY, BALL = -1000, 40, 160
"""HU."""


def turned(*degrees: float) -> NDArray[np.float64]:
    """The axes along a row, down a column and across slices (columns of a matrix), turned about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(map(math.radians, degrees)):
        one, other = [place for place in range(3) if place != axis]
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = math.cos(angle)
        turn[one, other], turn[other, one] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


@dataclass(frozen=True)
class Phantom:
    """A series.

    Attributes:
        axes: columns: along a row, down a column, from slice to slice.
        spacing: millimetres between columns, rows and slices.
        shape: columns, rows, slices.
        centre: of the ball, in the patient; the body's is the origin.
    """

    study: str = field(default_factory=generate_uid)
    series: str = field(default_factory=generate_uid)
    reference: str = field(default_factory=generate_uid)
    axes: NDArray[np.float64] = field(default_factory=lambda: turned(0, 0, 0))
    spacing: tuple[float, float, float] = (1.2, 1.5, 2.5)
    shape: tuple[int, int, int] = (72, 60, 36)
    centre: tuple[float, float, float] = (12.0, -9.0, 7.0)
    radius: float = 15.0
    patient: str = "SYN-0001"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    modality: str = "CT"

    @property
    def millilitres(self) -> float:
        """Of the ball."""
        return 4 / 3 * math.pi * self.radius**3 / 1000

    def corner(self, slice_: float) -> NDArray[np.float64]:
        """Where the first voxel of a slice lies; the middle of the volume is the origin."""
        columns, rows, slices = self.shape
        middle = np.array([(columns - 1) / 2, (rows - 1) / 2, (slices - 1) / 2 - slice_])
        return -(self.axes @ (middle * self.spacing))

    def values(self, slice_: int) -> NDArray[np.int16]:
        """HU of a slice; voxels on the edge of the ball are mixed, as a scanner mixes them."""
        columns, rows, _ = self.shape
        across, down = np.meshgrid(np.arange(columns), np.arange(rows))
        steps = self.axes * self.spacing
        points = self.corner(slice_) + across[..., None] * steps[:, 0] + down[..., None] * steps[:, 1]
        body = (points / (36.0, 30.0, 40.0)) ** 2
        away = np.linalg.norm(points - self.centre, axis=-1) - self.radius
        share = np.clip(0.5 - away / 1.5, 0, 1)
        hu = np.where(body.sum(axis=-1) < 1, BODY, AIR)
        return (hu + share * (BALL - hu)).astype(np.int16)

    def slice(self, index: int, number: int | None = None, **changes: Any) -> Dataset:
        """One slice as an instance."""
        made = self._instance(CTImageStorage)
        made.InstanceNumber = number if number is not None else index + 1
        made.ImagePositionPatient = [round(value, 4) for value in self.corner(index)]
        made.ImageOrientationPatient = [round(value, 6) for value in self.axes[:, :2].T.reshape(-1)]
        made.PixelSpacing, made.SliceThickness = [self.spacing[1], self.spacing[0]], self.spacing[2]
        made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, -1024, "HU"
        made.PixelData = self._stored([index])
        for keyword, value in changes.items():
            setattr(made, keyword, value)
        return made

    def slices(self, seed: int = 3) -> list[Dataset]:
        """All of them, in an order that says nothing, as their numbers do."""
        random = np.random.default_rng(seed)
        order, numbers = random.permutation(self.shape[2]), random.permutation(self.shape[2])
        return [self.slice(int(index), int(numbers[index]) + 1) for index in order]

    def enhanced(self) -> Dataset:
        """All slices as frames of one Enhanced CT, in the wrong order."""
        made = self._instance(EnhancedCTImageStorage)
        order = np.random.default_rng(5).permutation(self.shape[2]).tolist()
        made.InstanceNumber, made.NumberOfFrames = 1, len(order)
        made.PixelData = self._stored(order)
        made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        shared, orientation, measures, tones = Dataset(), Dataset(), Dataset(), Dataset()
        orientation.ImageOrientationPatient = [round(value, 6) for value in self.axes[:, :2].T.reshape(-1)]
        measures.PixelSpacing, measures.SliceThickness = [self.spacing[1], self.spacing[0]], self.spacing[2]
        tones.RescaleSlope, tones.RescaleIntercept, tones.RescaleType = 1, -1024, "HU"
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
        shared.PixelValueTransformationSequence = [tones]
        made.SharedFunctionalGroupsSequence = [shared]
        made.PerFrameFunctionalGroupsSequence = [self._placed(index) for index in order]
        return made

    def _placed(self, index: int) -> Dataset:
        group, position = Dataset(), Dataset()
        position.ImagePositionPatient = [round(value, 4) for value in self.corner(index)]
        group.PlanePositionSequence = [position]
        return group

    def _stored(self, indices: Sequence[int]) -> bytes:
        return b"".join((self.values(index).astype(np.int32) + 1024).astype("<u2").tobytes() for index in indices)

    def _instance(self, sop_class: str) -> Dataset:
        made = Dataset()
        made.SOPClassUID, made.SOPInstanceUID = sop_class, generate_uid()
        made.StudyInstanceUID, made.SeriesInstanceUID = self.study, self.series
        made.FrameOfReferenceUID = self.reference
        made.PatientName, made.PatientID, made.IssuerOfPatientID = "SYNTHETIC^Ball", self.patient, "ST-LUKE"
        made.PatientBirthDate, made.PatientSex = "19600105", "O"
        made.StudyDate, made.StudyTime, made.StudyID = "20260601", "101500", "1"
        made.AccessionNumber, made.Modality, made.BodyPartExamined = "A-1", self.modality, "ABDOMEN"
        made.ImageType, made.SeriesNumber = list(self.image_type), 2
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.Columns, made.Rows = self.shape[:2]
        made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 0
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        return made

    def but(self, **changes: Any) -> "Phantom":
        """The same study, otherwise."""
        return replace(self, **{"series": generate_uid(), **changes})


def content(made: Dataset) -> bytes:
    """The file."""
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def marked(segmentation: Dataset) -> NDArray[np.float64]:
    """Where the voxels of a SEG lie in the patient, from its own headers alone."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    rows, columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    frames = zip(segmentation.PerFrameFunctionalGroupsSequence, segmentation.pixel_array, strict=True)
    points = [
        np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        + np.argwhere(frame) @ np.array([turn[3:] * rows, turn[:3] * columns])
        for group, frame in frames
    ]
    return np.asarray(np.concatenate(points))
