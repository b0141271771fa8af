"""A segmentation's mask as DICOM SEG: binary, a segment for each category that the mask shows.

Sources: PS3.3 A.51 (Segmentation IOD), C.8.20.4 (Segment Description).
"""

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.dataset import Dataset

from services.imaging.dicom import coding
from services.imaging.dicom.told import Told, finished
from services.imaging.domain.results import Kind


def segmentation(told: Told) -> Dataset | None:
    """The instance; None where nothing is marked, or where the picture is one frame of several."""
    shown = told.segments()
    if told.mask is None or not shown or told.finding.opinion.instance.frames > 1:
        return None
    frames = np.stack([told.mask == number for number in shown], axis=-1)
    made = Segmentation(
        source_images=[_spatial(told)],
        pixel_array=frames[np.newaxis],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(told, number, place) for place, number in enumerate(shown, start=1)],
        content_label="AI",
        content_description=f"{told.model.title}: unsigned"[:64],
        **told.naming(Kind.SEGMENTATION),
    )
    made.CodingSchemeIdentificationSequence = [coding.own_scheme()]
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = told.uid(Kind.SEGMENTATION, "dimensions")
    if not told.source.get("ImageOrientationPatient"):
        made.PatientOrientation = told.source.get("PatientOrientation")
    return finished(made, told)


def _spatial(told: Told) -> Dataset:
    """The picture with where its pixels lie, as far as its header says."""
    made = told.evidence
    for keyword in ("FrameOfReferenceUID", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        if told.source.get(keyword):
            made[keyword] = told.source[keyword]
    return made


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
