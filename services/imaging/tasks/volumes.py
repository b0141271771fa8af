"""A series read as one: its slices put in their place, handed to the model, and what came of it named by slices."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from services.imaging import files
from services.imaging.dicom import slices
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model, VolumeUse
from services.imaging.domain.reading import Coverage, Extent, Finding, Opinion, Reason, Refusal, conclude
from services.imaging.domain.series import by_series
from services.imaging.domain.volume import Grid, Plane, arrange
from services.imaging.inference.reader import Prediction, Scan, VolumePrediction
from shared.telemetry import log

Predict = Callable[[Model, Sequence[Any]], Sequence[Prediction | ValueError]]
"""What a model says of each of some pictures (arrays) or volumes (`Scan`), or why it says nothing of one."""


def failed(model: Model, error: Exception) -> Refusal:
    """A model that fails says so, whatever broke."""
    log.exception("model_failed", model=model.name, version=model.version, error=type(error).__name__)
    return Refusal(Reason.MODEL_FAILED, "the model failed")


class VolumeReading(NamedTuple):
    """A model's answer about a series, and the slices in their order."""

    finding: Finding
    told: VolumePrediction
    planes: list[Plane]


def read_volume(
    pictures: Sequence[Instance], use: VolumeUse, model: Model, predict: Predict, store: Path
) -> VolumeReading | Refusal:
    """Ask about the first series that is a volume; of none, why the first one is not.

    Raises:
        Unavailable: the store is away.
    """
    first: Refusal | None = None
    for series in by_series(pictures):
        arranged = arranged_in(series, use, store)
        if not isinstance(arranged, Refusal):
            return _read(*arranged, model, predict, store)
        first = first or arranged
    return first or Refusal(Reason.SERIES, "no series")


def arranged_in(series: Sequence[Instance], use: VolumeUse, store: Path) -> tuple[list[Plane], Grid] | Refusal:
    """The slices of a series in their place, or why they are no volume."""
    planes: list[Plane] = []
    for instance in series:
        try:
            found = slices.planes(instance, files.find(store, instance.digest))
        except Unreadable:
            return Refusal(Reason.UNREADABLE, "a slice cannot be read")
        if isinstance(found, Refusal):
            return found
        planes += found
    arranged = arrange(planes)
    if isinstance(arranged, Refusal) or use.apart is None:
        return arranged
    apart = arranged[1].spacing[0]
    if use.apart.holds(apart):
        return arranged
    return Refusal(Reason.PIXEL_SPACING, f"slices {apart:.2f} mm apart, which the model does not read")


def _read(planes: list[Plane], grid: Grid, model: Model, predict: Predict, store: Path) -> VolumeReading | Refusal:
    try:
        values = slices.values(planes, [files.find(store, plane.instance.digest) for plane in planes])
    except Unreadable as error:
        log.warning("volume_unread", series=planes[0].instance.series, error=type(error).__name__)
        return Refusal(Reason.UNREADABLE, "a slice of the volume cannot be decoded")
    try:
        [said] = predict(model, [Scan(values, grid)])
    except Exception as error:  # noqa: BLE001 (a model that fails must say so, whatever broke)
        return failed(model, error)
    if not isinstance(said, VolumePrediction):
        return Refusal(Reason.VOLUME, f"no volume: {said}" if isinstance(said, ValueError) else "no volume")
    finding = conclude([_opinion(said, planes)], 0, model)
    if isinstance(finding, Refusal):
        return finding
    return VolumeReading(replace(finding, coverage=Coverage(len(planes))), said, planes)


def _opinion(said: VolumePrediction, planes: Sequence[Plane]) -> Opinion:
    shown, marked = planes[said.plane], [planes[index] for index in said.marked]
    extent = Extent(
        slices=len(planes),
        marked=len(marked),
        first=marked[0].name if marked else "",
        last=marked[-1].name if marked else "",
        longest_mm=said.longest_mm,
        millilitres=said.millilitres,
    )
    return Opinion(
        shown.instance, said.scores, said.familiar, said.region, shown.frame, said.measure, said.looks, extent
    )
