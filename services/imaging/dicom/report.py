"""An answer as a structured report: what was found, how certain, where, by which program; preliminary and unverified.

Sources: PS3.16 TID 1500 (Measurement Report), 1410 and 1501 (its groups), 4019 (Algorithm Identification); PS3.3
C.17.2 (its flags); IHE RAD AI Results (AIR), which asks for Comprehensive 3D SR.
"""

from typing import Any

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    ReferencedSegmentationFrame,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    SourceImageForSegmentation,
    TextContentItem,
)
from pydicom.dataset import Dataset

from services.imaging.dicom import coding
from services.imaging.dicom.told import MANUFACTURER, Told, finished
from services.imaging.dicom.volume_report import measured
from services.imaging.domain.model import Concept, Model
from services.imaging.domain.reading import Region, not_checked
from services.imaging.domain.results import Kind, uid_of

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def structured_report(told: Told, segmentation: Dataset | None) -> Dataset:
    """The report.

    Args:
        segmentation: whose segment the measurement is of; None where there is none.
    """
    groups: list[Any] = []
    if any(category.flags for category in told.model.categories):
        groups.append(_finding(told))
    if extent := told.finding.opinion.extent:
        shared = _shared(told, told.model.measure.what if told.model.measure else told.model.finding)
        groups += measured(told, extent, segmentation, shared)
    elif told.model.measure:
        groups.append(_measure(told, segmentation))
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=device(told.model)),
        procedure_reported=coding.IMAGING,
        imaging_measurements=groups,
        title=coding.REPORT,
    )
    content[0].ContentSequence.extend(_silences(told))
    evidence = [told.evidence, segmentation] if segmentation else [told.evidence]
    made = Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        **told.naming(Kind.REPORT),
    )
    made.CodingSchemeIdentificationSequence = [coding.own_scheme()]
    return finished(made, told)


def device(model: Model) -> ObserverContext:
    """The program as the observer (TID 1004)."""
    named = DeviceObserverIdentifyingAttributes(
        uid=uid_of(model.name, model.version, model.digest),
        name=model.name,
        manufacturer_name=MANUFACTURER,
        model_name=model.title[:64],
        serial_number=model.version,
    )
    return ObserverContext(observer_type=coding.DEVICE, observer_identifying_attributes=named)


def _finding(told: Told) -> Group:
    model, finding = told.model, told.finding
    category = model.categories[finding.category]
    measurements = [
        _share(coding.CERTAINTY, finding.probability),
        _share(coding.THRESHOLD, category.threshold),
    ]
    if len(model.categories) > 1:
        scores = zip(model.categories, finding.opinion.scores, strict=True)
        measurements += [_share(coding.concept(each.what), score) for each, score in scores]
    evaluation = QualitativeEvaluation(coding.STATE, coding.FLAGGED if finding.flagged else coding.NOT_FLAGGED)
    return _group(told, category.what, measurements, [evaluation], _region(told))


def _measure(told: Told, segmentation: Dataset | None) -> Group:
    measure = told.model.measure
    if measure is None:
        raise ValueError("the model measures nothing")
    unit = CodedConcept(measure.unit, "UCUM", f"{measure.unit} of {measure.of}"[:64])
    measurement = Measurement(coding.concept(measure.what), round(told.finding.opinion.measure or 0.0, 4), unit)
    shown: ReferencedSegmentationFrame | None = None
    segments = told.segments()
    if segmentation is not None and len(segments) == 1:
        shown = ReferencedSegmentationFrame(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            frame_number=1,
            segment_number=1,
            source_image=SourceImageForSegmentation(told.source.SOPClassUID, told.source.SOPInstanceUID, told.frames()),
        )
        del shown[0].ReferencedSOPSequence[0].ReferencedSegmentNumber  # never beside a frame (PS3.3 table 10-3)
    return _group(told, measure.what, [measurement], [], shown)


def _silences(told: Told) -> list[TextContentItem]:
    """How many images it is about, and what it does not check: comments of the report as a whole."""
    coverage = told.finding.coverage
    said = [f"{coverage.words}.", *(f"Not checked: {limit}" for limit in not_checked(told.model, coverage))]
    return [TextContentItem(coding.COMMENT, one, RelationshipTypeValues.CONTAINS) for one in said]


def _group(
    told: Told,
    what: Concept,
    measurements: list[Measurement],
    evaluations: list[QualitativeEvaluation],
    place: ImageRegion | ReferencedSegmentationFrame | None,
) -> Group:
    shared = _shared(told, what) | {"measurements": measurements, "qualitative_evaluations": evaluations}
    if isinstance(place, ImageRegion):
        return PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=place, **shared)
    if place is not None:
        return PlanarROIMeasurementsAndQualitativeEvaluations(referenced_segment=place, **shared)
    picture = SourceImageForMeasurementGroup(told.source.SOPClassUID, told.source.SOPInstanceUID, told.frames())
    return MeasurementsAndQualitativeEvaluations(source_images=[picture], **shared)


def _shared(told: Told, what: Concept) -> dict[str, Any]:
    """What every group says: of what, where, and which program."""
    return {
        "tracking_identifier": told.tracking(what),
        "finding_type": coding.concept(what),
        "finding_sites": [FindingSite(coding.concept(told.model.region))] if told.model.region else None,
        "algorithm_id": AlgorithmIdentification(
            told.model.name, told.model.version, parameters=[f"SHA-256 of the model package: {told.model.digest}"]
        ),
    }


def _share(name: CodedConcept, value: float) -> Measurement:
    """A probability, in per cent as Certainty of Finding wants it."""
    return Measurement(name, round(100 * value, 4), coding.PER_CENT)


def _region(told: Told) -> ImageRegion | None:
    region = told.finding.opinion.region
    if region is None:
        return None
    picture = SourceImageForRegion(told.source.SOPClassUID, told.source.SOPInstanceUID, told.frames())
    rows, columns = told.picture.shape[:2]
    return ImageRegion(GraphicTypeValues.POLYLINE, _outline(region, rows, columns), picture)


def _outline(region: Region, rows: int, columns: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """A closed rectangle as (column, row), where 0, 0 is the corner of the first pixel (PS3.3 C.18.6.1.2)."""
    top, bottom = region.row * rows, min(1.0, region.row + region.height) * rows
    left, right = region.column * columns, min(1.0, region.column + region.width) * columns
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], dtype=np.float64)
