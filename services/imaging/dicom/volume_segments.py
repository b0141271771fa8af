"""A volume's mask as DICOM SEG: binary, a frame for each slice that shows a segment, lying where the slice lies.

Sources: PS3.3 A.51 (Segmentation IOD), C.8.20.4 (Segment Description), C.7.6.16.2.3 (Plane Position).
"""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from services.imaging.dicom import identity
from services.imaging.dicom.placing import place_of
from services.imaging.dicom.segments import drawn
from services.imaging.dicom.told import Slice, Told, finished
from services.imaging.domain.results import uid_of


def volume_segmentation(told: Told) -> Dataset | None:
    """The instance; None where nothing is marked. Slices without a mark have no frame in it."""
    shown = told.segments()
    if told.mask is None or not shown:
        return None
    marked = np.flatnonzero(told.mask.any(axis=(1, 2)))
    planes = [told.planes[index] for index in marked.tolist()]
    frames = np.stack([told.mask[marked] == number for number in shown], axis=-1)
    made = drawn(told, [_alone(plane) for plane in planes], frames)
    _name_sources(made, planes)
    return finished(made, told)


def _alone(plane: Slice) -> Dataset:
    """The slice as a picture of its own (see `segments`) under a name of its own: frames of one instance have none."""
    made = identity.picture_of(plane.header)
    if "NumberOfFrames" in made:
        del made.NumberOfFrames
    for keyword, value in place_of(plane.header, plane.frame, thickness=plane.apart).items():
        setattr(made, keyword, value)
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, _alias(plane)
    return made


def _alias(plane: Slice) -> str:
    return uid_of(str(plane.header.SOPInstanceUID), str(plane.frame))


def _name_sources(made: Dataset, planes: Sequence[Slice]) -> None:
    """Every reference names the slice as what it is, and the frame where the slice is one of several."""
    known = {_alias(plane): plane for plane in planes}
    for group in made.PerFrameFunctionalGroupsSequence:
        for derivation in group.DerivationImageSequence:
            for source in derivation.SourceImageSequence:
                plane = known[source.ReferencedSOPInstanceUID]
                _name(source, plane)
                if plane.frames > 1:
                    source.ReferencedFrameNumber = plane.frame
    for series in made.ReferencedSeriesSequence:
        for instance in series.ReferencedInstanceSequence:
            _name(instance, known[instance.ReferencedSOPInstanceUID])
        once = {str(each.ReferencedSOPInstanceUID): each for each in series.ReferencedInstanceSequence}
        series.ReferencedInstanceSequence = list(once.values())


def _name(reference: Dataset, plane: Slice) -> None:
    reference.ReferencedSOPClassUID = plane.header.SOPClassUID
    reference.ReferencedSOPInstanceUID = plane.header.SOPInstanceUID
