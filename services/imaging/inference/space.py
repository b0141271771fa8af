"""From a scan to the graph's input, by the steps that the package declares; the place of each voxel goes along.

The vocabulary is fixed (`packages.volume`), and the way back is the place itself: no step has an inverse.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from services.imaging.inference.scan import Placed, Scan, place, sampled, shifted, stretched
from services.imaging.inference.steps import FLAT
from services.imaging.packages.metadata import Rescale, Step
from services.imaging.packages.volume import CropOrPad, Orient, Percentiles, ResizeVolume, Respace, Window

DIRECTIONS: Final = {
    "L": (1, 0, 0),
    "R": (-1, 0, 0),
    "P": (0, 1, 0),
    "A": (0, -1, 0),
    "S": (0, 0, 1),
    "I": (0, 0, -1),
}
"""In the patient as DICOM counts: to the left, to the back, to the head."""

LARGEST: Final = 1 << 26
"""Voxels of a prepared volume: 256 MiB as float32."""

QUANTILED: Final = 1 << 20
"""Values that percentiles are taken of, evenly chosen."""


def prepare(scan: Scan, steps: Sequence[Step]) -> Placed:
    """Prepare a volume; float32 comes out.

    Raises:
        ValueError: it shows nothing, or becomes too large.
    """
    made = place(scan)
    for step in steps:
        match step:
            case Orient():
                made = _oriented(made, step.axes)
            case Respace():
                made = _respaced(made, step.mm)
            case ResizeVolume():
                made = _resized(made, step.size)
            case CropOrPad():
                made = _fitted(made, step.size)
            case Window():
                made = replace(made, values=_cut(made.values, (step.lowest, step.highest), (step.low, step.high)))
            case Percentiles():
                ends = _quantiles(made.values, (step.lower, step.upper))
                made = replace(made, values=_cut(made.values, ends, (step.low, step.high)))
            case Rescale():
                ends = float(made.values.min()), float(made.values.max())
                made = replace(made, values=_cut(made.values, ends, (step.low, step.high)))
            case _:
                made = replace(made, values=_standardised(made.values))
    if not torch.isfinite(made.values).all():
        raise ValueError("the volume holds values that are no numbers")
    return replace(made, values=made.values.float())


def _oriented(made: Placed, axes: str) -> Placed:
    """Each axis of the array becomes the one closest to its direction; no two of them are the same one."""
    steps = made.matrix[:3, :3]
    wanted = np.array([DIRECTIONS[axis] for axis in axes], dtype=np.float64)
    along = wanted @ (steps / np.linalg.norm(steps, axis=0))  # of wanted axis and own axis, the cosine
    order = max(_ORDERS, key=lambda chosen: sum(abs(along[axis, own]) for axis, own in enumerate(chosen)))
    values, matrix = made.values.permute(order), made.matrix.copy()
    matrix[:3, :3] = steps[:, list(order)]
    turned = [axis for axis, own in enumerate(order) if along[axis, own] < 0]
    for axis in turned:
        matrix[:3, 3] += matrix[:3, axis] * (values.shape[axis] - 1)
        matrix[:3, axis] *= -1
    return Placed(values.flip(turned) if turned else values, matrix)


_ORDERS: Final = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _respaced(made: Placed, millimetres: tuple[float, float, float]) -> Placed:
    """The first voxel stays; as many as lie within the last one, as MONAI's Spacing counts them."""
    own = np.linalg.norm(made.matrix[:3, :3], axis=0)
    factors = np.array(millimetres) / own
    first, second, third = (
        round((edge - 1) / factor) + 1 for edge, factor in zip(made.values.shape, factors, strict=True)
    )
    matrix = made.matrix.copy()
    matrix[:3, :3] *= factors
    shape = _bounded((first, second, third))
    return Placed(sampled(made, matrix, shape), matrix)


def _resized(made: Placed, size: tuple[int, int, int]) -> Placed:
    factors = np.array(made.values.shape) / np.array(_bounded(size))
    matrix = stretched(made.matrix, factors)
    return Placed(functional.interpolate(made.values.float()[None, None], size, mode="trilinear")[0, 0], matrix)


def _fitted(made: Placed, size: tuple[int, int, int]) -> Placed:
    """As MONAI's ResizeWithPadOrCrop: the middle; of an odd rest the end has one more."""
    values, shift, margins = made.values, np.zeros(3), [(0, 0)] * 3
    for axis, (edge, wanted) in enumerate(zip(made.values.shape, _bounded(size), strict=True)):
        if edge > wanted:
            begin = edge // 2 - wanted // 2
            values = values.narrow(axis, begin, wanted)
            shift[axis] = begin
        else:
            before = (wanted - edge) // 2
            margins[axis] = (before, wanted - edge - before)
            shift[axis] = -before
    padding = [margin for pair in reversed(margins) for margin in pair]
    return Placed(functional.pad(values, padding), shifted(made.matrix, shift))


def _cut(values: Tensor, ends: tuple[float, float], range_: tuple[float, float]) -> Tensor:
    (lowest, highest), (low, high) = ends, range_
    if not highest > lowest:
        raise ValueError("the volume has one value only")
    return (values.float() - lowest).div_(highest - lowest).clamp_(0, 1).mul_(high - low).add_(low)


def _quantiles(values: Tensor, per_cent: tuple[float, float]) -> tuple[float, float]:
    few = values.reshape(-1)[:: max(1, values.numel() // QUANTILED)].float().numpy()
    low, high = np.percentile(few, per_cent)
    return float(low), float(high)


def _standardised(values: Tensor) -> Tensor:
    real = values.float()
    return (real - real.mean()) / real.std().clamp(min=FLAT)


def _bounded(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if shape[0] * shape[1] * shape[2] > LARGEST:
        raise ValueError(f"the prepared volume has more than {LARGEST // 10**6} million voxels")
    return shape
