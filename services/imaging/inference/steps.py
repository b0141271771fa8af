"""From one decoded picture to the graph's input, by the steps that the package declares, and the way back for maps.

The vocabulary is fixed: a step that is not here does not exist, and no package brings code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.imaging.packages.metadata import Divide, Normalise, Rescale, Resize, Step

FLAT: Final = 1e-3
"""Least standard deviation, in units of the value range, by which a picture is divided."""

LUMA: Final = (0.299, 0.587, 0.114)
"""Red, green and blue in grey (ITU-R BT.601)."""


@dataclass(frozen=True)
class Prepared:
    """A picture on its way into the graph.

    Attributes:
        values: float32, shape (1, channels, rows, columns).
        canvas: rows and columns before the resize, with padding.
        corner: row and column of the picture on the canvas.
    """

    values: Tensor
    canvas: tuple[int, int]
    corner: tuple[int, int] = (0, 0)


def prepare(picture: NDArray[Any], steps: Sequence[Step]) -> Prepared:
    """Prepare one picture.

    Args:
        picture: shape (rows, columns), high is white, or (rows, columns, 3).

    Raises:
        ValueError: it is no picture, shows nothing, or a step does not fit it.
    """
    made = _begin(picture)
    for step in steps:
        match step:
            case Rescale():
                made = replace(made, values=_rescaled(made.values, step))
            case Divide():
                made = replace(made, values=made.values / step.by)
            case Resize():
                made = replace(made, values=_resized(made.values, step))
            case Normalise():
                made = replace(made, values=_normalised(made.values, step))
            case _:
                made = _plain(made, step.step)
    if not torch.isfinite(made.values).all():
        raise ValueError("the picture holds values that are no numbers")
    return made


def _begin(picture: NDArray[Any]) -> Prepared:
    if picture.ndim not in {2, 3} or (picture.ndim == 3 and picture.shape[2] != 3) or min(picture.shape) < 1:  # noqa: PLR2004
        raise ValueError("expected a picture of shape (rows, columns) or (rows, columns, 3)")
    values = torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))
    channels = values[None] if picture.ndim == 2 else values.permute(2, 0, 1)  # noqa: PLR2004 (rows and columns)
    rows, columns = picture.shape[:2]
    return Prepared(channels[None], (rows, columns))


def _plain(made: Prepared, name: str) -> Prepared:
    values = made.values
    colour = values.shape[1] == 3  # noqa: PLR2004 (red, green, blue)
    match name:
        case "grey" if colour:
            weights = torch.tensor(LUMA).view(1, 3, 1, 1)
            return replace(made, values=(values * weights).sum(dim=1, keepdim=True))
        case "grey":
            return made
        case "rgb":
            return replace(made, values=values if colour else values.expand(-1, 3, -1, -1))
        case "green" if colour:
            return replace(made, values=values[:, 1:2])
        case "standardise":
            mean = values.mean(dim=(1, 2, 3), keepdim=True)
            deviation = values.std(dim=(1, 2, 3), keepdim=True).clamp(min=FLAT)
            return replace(made, values=(values - mean) / deviation)
        case "pad-square":
            rows, columns = values.shape[2:]
            edge = max(rows, columns)
            top, left = (edge - rows) // 2, (edge - columns) // 2
            margins = (left, edge - columns - left, top, edge - rows - top)
            return Prepared(functional.pad(values, margins), (edge, edge), (top, left))
        case _:
            raise ValueError("the picture has no colour")


def _rescaled(values: Tensor, step: Rescale) -> Tensor:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low) or high <= low:
        raise ValueError("the picture has one grey value only or values that are no numbers")
    return (values - low) / (high - low) * (step.high - step.low) + step.low


def _resized(values: Tensor, step: Resize) -> Tensor:
    smooth = {} if step.mode == "nearest" else {"align_corners": False, "antialias": step.antialias}
    return functional.interpolate(values, step.size, mode=step.mode, **smooth)


def _normalised(values: Tensor, step: Normalise) -> Tensor:
    if len(step.mean) != len(step.deviation) or len(step.mean) not in {1, values.shape[1]}:
        raise ValueError("the picture has another number of channels than its mean and deviation")
    mean, deviation = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (step.mean, step.deviation))
    return (values - mean) / deviation
