"""The slices of a series: where each lies as its header says, and their values as one array.

Sources: PS3.3 C.7.6.2 (Image Plane), C.7.6.16.2 (functional groups of enhanced CT and MR), C.11.1.1.2 (rescale; HU).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from services.imaging.dicom.guarding import guarded
from services.imaging.dicom.header import Unreadable, source_header
from services.imaging.dicom.pixels import decode
from services.imaging.dicom.placing import numbers
from services.imaging.domain.instance import Instance
from services.imaging.domain.reading import Reason, Refusal
from services.imaging.domain.volume import Plane, Vector

UNITS: Final = frozenset({"HU", ""})
"""Rescale Type (0028,1054) of a CT that may be read; most files do not say it, and then it is HU (C.11.1.1.2.2)."""

_SHORT: Final = np.iinfo(np.int16)


def planes(instance: Instance, path: Path) -> list[Plane] | Refusal:
    """Each frame of an instance as a slice, or why it is none.

    Raises:
        Unreadable: the header cannot be read any more.
    """
    header = source_header(path)
    found = [_plane(instance, header, frame) for frame in range(1, instance.frames + 1)]
    placed = [plane for plane in found if plane]
    if len(placed) < len(found):
        number = f"image {instance.number}" if instance.number is not None else "an image"
        return Refusal(Reason.VOLUME, f"no volume: {number} does not say where it lies")
    if instance.modality == "CT" and _scale(header, 1) is None:
        return Refusal(Reason.VOLUME, "no volume: the CT has no rescale to HU")
    return placed


def values(placed: Sequence[Plane], paths: Sequence[Path]) -> NDArray[Any]:
    """The slices as one array (slices, rows, columns): after rescale, int16 where that holds them, else float32.

    Args:
        paths: of each slice its file.

    Raises:
        Unreadable: a slice cannot be decoded: the volume would have a hole.
    """
    shape = (len(placed), placed[0].instance.rows, placed[0].instance.columns)
    made: NDArray[Any] = np.empty(shape, np.int16)
    for index, (plane, path) in enumerate(zip(placed, paths, strict=True)):
        slice_ = _values(plane, path)
        if slice_.shape != shape[1:]:
            raise Unreadable("A slice has another shape than its header says")
        if made.dtype == np.int16 and not _fits(slice_):
            made = made.astype(np.float32)
        made[index] = slice_
    return made


def _values(plane: Plane, path: Path) -> NDArray[Any]:
    try:
        stored, header = decode(path, plane.frame - 1, raw=True)
    except IndexError:
        raise Unreadable("There is no such frame") from None
    with guarded("The values of a slice cannot be told"):
        if stored.ndim != 2 or header.PhotometricInterpretation != "MONOCHROME2":  # noqa: PLR2004 (rows, columns)
            raise Unreadable("A slice is not grey")
        slope, intercept = _scale(header, plane.frame) or (1.0, 0.0)
        if slope == 1 and intercept.is_integer():
            return stored.astype(np.int32) + np.int32(intercept)
        return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _fits(slice_: NDArray[Any]) -> bool:
    return slice_.dtype == np.int32 and bool(slice_.min() >= _SHORT.min and slice_.max() <= _SHORT.max)


def _scale(header: Dataset, frame: int) -> tuple[float, float] | None:
    """Slope and intercept of a frame; None where they are not said, or lead to no HU."""
    slope, intercept = (numbers(header, frame, keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    if not slope or not intercept or (header.Modality == "CT" and str(header.get("RescaleType", "")) not in UNITS):
        return None
    return slope[0], intercept[0]


def _plane(instance: Instance, header: Dataset, frame: int) -> Plane | None:
    turned, corner, spacing = (
        numbers(header, frame, keyword)
        for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
    )
    if not (turned and corner and spacing):
        return None
    return Plane(
        instance,
        frame,
        _vector(turned[:3]),
        _vector(turned[3:]),
        _vector(corner),
        (spacing[0], spacing[1]),
        str(header.get("FrameOfReferenceUID") or ""),
    )


def _vector(given: Sequence[float]) -> Vector:
    return given[0], given[1], given[2]
