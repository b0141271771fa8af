"""A segmentation's mask as DICOM SEG: binary, a segment for each category on the frame that was read.

Sources: PS3.3 A.51 (Segmentation IOD), C.8.20.4 (Segment Description), C.7.6.16.2.6 (Derivation Image).
"""

from collections.abc import Sequence

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from services.imaging.dicom import coding
from services.imaging.dicom.placing import place_of
from services.imaging.dicom.told import Told, finished
from services.imaging.domain.results import Kind


def segmentation(told: Told) -> Dataset | None:
    """The instance; None where nothing is marked."""
    shown = told.segments()
    if told.mask is None or not shown:
        return None
    frames = np.stack([told.mask == number for number in shown], axis=-1)
    made = drawn(told, [_alone(told)], frames[np.newaxis])
    if "FrameOfReferenceUID" not in made:
        made.PatientOrientation = told.source.get("PatientOrientation")
    _name_source(made, told)
    return finished(made, told)


def drawn(told: Told, sources: Sequence[Dataset], frames: NDArray[np.bool_]) -> Segmentation:
    """The object, with references to the sources as they are given here.

    Args:
        frames: shape (sources, rows, columns, segments), a segment for each of `told.segments`.
    """
    made = Segmentation(
        source_images=sources,
        pixel_array=frames,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(told, number, place) for place, number in enumerate(told.segments(), start=1)],
        content_label="AI",
        content_description=f"{told.model.title}: unsigned"[:64],
        **told.naming(Kind.SEGMENTATION),
    )
    made.CodingSchemeIdentificationSequence = [coding.own_scheme()]
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = told.uid(Kind.SEGMENTATION, "dimensions")
    return made


def _alone(told: Told) -> Dataset:
    """The frame that was read as a picture of its own, lying where its header says; where it does not say, anywhere.

    highdicom wants of a class what the standard wants; real files do not always have it. So the SEG is built upon a
    Secondary Capture, which may lie anywhere, and names the picture as what it is afterwards (`_name_source`).
    """
    made = told.evidence
    if "NumberOfFrames" in made:
        del made.NumberOfFrames
    for keyword, value in place_of(told.source, told.finding.opinion.frame).items():
        setattr(made, keyword, value)
    made.SOPClassUID = SecondaryCaptureImageStorage
    return made


def _name_source(made: Dataset, told: Told) -> None:
    """Every reference to the picture names its class and, where the picture has several frames, the one."""
    for series in made.ReferencedSeriesSequence:
        for instance in series.ReferencedInstanceSequence:
            instance.ReferencedSOPClassUID = told.source.SOPClassUID
    for group in made.PerFrameFunctionalGroupsSequence:
        for derivation in group.DerivationImageSequence:
            for source in derivation.SourceImageSequence:
                source.ReferencedSOPClassUID = told.source.SOPClassUID
                if told.frames():
                    source.ReferencedFrameNumber = told.frames()


def _segment(told: Told, number: int, place: int) -> SegmentDescription:
    """How segment `place` is described, made of category `number`."""
    category, model = told.model.categories[number - 1], told.model
    return SegmentDescription(
        segment_number=place,
        segment_label=category.what.text[:64],
        segmented_property_category=coding.ABNORMALITY if category.flags else coding.ANATOMY,
        segmented_property_type=coding.concept(category.what),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=model.name,
            family=coding.MACHINE_LEARNING,
            version=model.version,
            source="Consilium",
            parameters={"sha256": model.digest},
        ),
        tracking_uid=told.uid("tracking", category.what.text),
        tracking_id=f"{model.name} {category.what.text}"[:64],
        anatomic_regions=[coding.concept(model.region)] if model.region else None,
    )
