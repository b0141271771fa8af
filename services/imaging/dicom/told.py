"""What the DICOM objects of one answer are made of, and what all of them have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from highdicom.sr import TrackingIdentifier
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from services.imaging.dicom import identity
from services.imaging.dicom.derived import FIRST_SERIES
from services.imaging.domain.model import Concept, Model
from services.imaging.domain.reading import Finding
from services.imaging.domain.results import Kind, instance_uid

MANUFACTURER: Final = "Consilium"


@dataclass(frozen=True)
class Slice:
    """One slice of a volume.

    Attributes:
        frame: from 1, of `frames`.
        apart: millimetres to the next slice.
    """

    header: Dataset
    frame: int
    frames: int
    apart: float


@dataclass(frozen=True)
class Told:
    """An answer.

    Attributes:
        source: header of the picture that counts.
        picture: that picture as a reader sees it, see `pixels.picture`.
        heat: evidence on the picture, shape (rows, columns) of any size, 0..255; None where the model explains nothing.
        mask: shape of the picture, 0 or the number, from 1, of the model's category; None where it segments nothing.
            Of a volume (slices, rows, columns).
        planes: of a volume that was segmented its slices, in the order of the mask.
        at: when the model answered; every object says so.
    """

    model: Model
    finding: Finding
    source: Dataset
    picture: NDArray[np.float32]
    heat: NDArray[np.float32] | None
    mask: NDArray[np.uint8] | None
    at: datetime
    planes: Sequence[Slice] = ()

    @property
    def evidence(self) -> Dataset:
        """The picture, for those who refer to it."""
        return identity.picture_of(self.source)

    def uid(self, *what: str) -> str:
        """The same UID whenever the same thing of the same answer is made again."""
        return instance_uid(str(self.source.StudyInstanceUID), self.model, *what)

    def segments(self) -> list[int]:
        """Numbers of the categories that the mask shows somewhere."""
        return [] if self.mask is None else [int(number) for number in np.unique(self.mask) if number]

    def tracking(self, what: Concept) -> TrackingIdentifier:
        """The same whenever the same finding is made again."""
        return TrackingIdentifier(uid=self.uid("tracking", what.text), identifier=f"{self.model.name} {what.text}"[:64])

    def frames(self) -> list[int] | None:
        """How to name the frame that was read; None where the picture has one only."""
        return [self.finding.opinion.frame] if self.finding.opinion.instance.frames > 1 else None

    def naming(self, kind: Kind) -> dict[str, Any]:
        """What each of highdicom's constructors is told."""
        return {
            "series_instance_uid": self.uid(kind, "series"),
            "series_number": FIRST_SERIES + 1 + list(Kind).index(kind),
            "sop_instance_uid": self.uid(kind),
            "instance_number": 1,
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": self.model.name[:64],
            "software_versions": self.model.version,
            "device_serial_number": self.model.digest[:64],
            "series_description": kind.description,
            "content_date": self.at.date(),
            "content_time": self.at.time(),
        }


def finished(made: Dataset, told: Told) -> Dataset:
    """An object with what the libraries do not copy, and the time of its answer instead of the clock's."""
    for element in _missing(made, identity.identity_of(told.source)):
        made[element.tag] = element
    made.InstanceCreationDate, made.InstanceCreationTime = told.at.strftime("%Y%m%d"), told.at.strftime("%H%M%S.%f")
    made.SeriesDate, made.SeriesTime = made.InstanceCreationDate, made.InstanceCreationTime
    for library in made.get("ContributingEquipmentSequence", []):
        library.ContributionDateTime = told.at.strftime("%Y%m%d%H%M%S.%f")
    return made


def _missing(made: Dataset, whole: Dataset) -> Iterator[Any]:
    yield from (element for element in whole if element.tag not in made)
