"""What of a volume is measured, as groups of the structured report: each segment, its millilitres, its extent.

Source: PS3.16 TID 1411 (Volumetric ROI Measurements), CID 7470 (linear measurements), 7472 (volumes).
"""

from typing import Any

from highdicom.sr import (
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    ReferencedSegment,
    SourceImageForMeasurementGroup,
    SourceSeriesForSegmentation,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset

from services.imaging.dicom import coding
from services.imaging.dicom.told import Told
from services.imaging.domain.model import Concept
from services.imaging.domain.reading import Extent

Group = VolumetricROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations


def measured(told: Told, extent: Extent, segmentation: Dataset | None, shared: dict[str, Any]) -> list[Group]:
    """A group for each segment; of nothing marked, one that says so.

    Args:
        shared: what every group says of who measured.
    """
    if told.model.measure is None:
        return []
    if segmentation is None:
        picture = SourceImageForMeasurementGroup(told.source.SOPClassUID, told.source.SOPInstanceUID, told.frames())
        volume = [Measurement(coding.concept(told.model.measure.what), 0.0, coding.MILLILITRE)]
        return [MeasurementsAndQualitativeEvaluations(source_images=[picture], measurements=volume, **shared)]
    numbers = told.segments()
    return [
        VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=ReferencedSegment(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                segment_number=place,
                source_series=SourceSeriesForSegmentation(told.source.SeriesInstanceUID),
            ),
            measurements=_measurements(told, extent, number, alone=len(numbers) == 1),
            **(shared | _named(told, told.model.categories[number - 1].what)),
        )
        for place, number in enumerate(numbers, start=1)
    ]


def _measurements(told: Told, extent: Extent, number: int, *, alone: bool) -> list[Measurement]:
    """The largest extent is that of all that is marked: it is said where one segment is all."""
    if told.model.measure is None:
        return []
    name = coding.concept(told.model.measure.what) if alone else coding.VOLUME
    made = [Measurement(name, round(extent.millilitres[number - 1], 4), coding.MILLILITRE)]
    return [*made, Measurement(coding.LONGEST, round(extent.longest_mm, 2), coding.MILLIMETRE)] if alone else made


def _named(told: Told, what: Concept) -> dict[str, Any]:
    return {"tracking_identifier": told.tracking(what), "finding_type": coding.concept(what)}
