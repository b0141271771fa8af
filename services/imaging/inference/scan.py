"""A volume on its way into the graph: its values, and where each of them lies in the patient.

Values are moved in space by one rule: where a new voxel lies in the patient, and which old voxels lie there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.imaging.domain.volume import Grid

SLAB: Final = 1 << 23
"""Voxels that are resampled at once: some 200 MiB with their coordinates."""

HALF: Final = 0.5
"""Of a voxel, which reaches so far beyond its centre."""


@dataclass(frozen=True)
class Scan:
    """Slices that were read as one.

    Attributes:
        values: shape (slices, rows, columns): HU of a CT, else the modality's values.
        grid: where they lie.
    """

    values: NDArray[Any]
    grid: Grid


@dataclass(frozen=True)
class Placed:
    """Values with their place.

    Attributes:
        values: shape (first, second, third), any axes.
        matrix: float64 (4, 4), from an index to millimetres in the patient (DICOM's axes: left, back, head).
    """

    values: Tensor
    matrix: NDArray[np.float64]


def place(scan: Scan) -> Placed:
    """A scan as the steps take it; nothing is copied."""
    return Placed(torch.from_numpy(np.ascontiguousarray(scan.values)), matrix_of(scan.grid))


def matrix_of(grid: Grid) -> NDArray[np.float64]:
    """From an index (slice, row, column) to the patient."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(grid.steps).T
    matrix[:3, 3] = grid.corner
    return matrix


def shifted(matrix: NDArray[np.float64], begin: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix of an array that begins at this index of another."""
    made = matrix.copy()
    made[:3, 3] += matrix[:3, :3] @ begin
    return made


def stretched(matrix: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix of an array of voxels so many times as large that covers the same space."""
    made = shifted(matrix, (factors - 1) / 2)
    made[:3, :3] *= factors
    return made


def sampled(
    source: Placed, matrix: NDArray[np.float64], shape: tuple[int, int, int], *, outside: float | None = None
) -> Tensor:
    """Values where the voxels of another matrix lie, trilinear, a slab at a time.

    Args:
        outside: what is more than half a voxel beyond the source; None: as its border.

    Returns:
        float32 of `shape`.
    """
    made = torch.empty(shape)
    thick = max(1, SLAB // (shape[1] * shape[2]))
    to_source = np.linalg.inv(source.matrix) @ matrix
    for start in range(0, shape[0], thick):
        end = min(shape[0], start + thick)
        made[start:end] = _slab(source.values, to_source, (start, end, *shape[1:]), outside)
    return made


def _slab(
    values: Tensor, to_source: NDArray[np.float64], span: tuple[int, int, int, int], outside: float | None
) -> Tensor:
    start, end, rows, columns = span
    axes = (torch.arange(start, end), torch.arange(rows), torch.arange(columns))
    rule = torch.from_numpy(to_source)
    where = [
        (rule[axis, 0] * axes[0]).view(-1, 1, 1)
        + (rule[axis, 1] * axes[1]).view(1, -1, 1)
        + (rule[axis, 2] * axes[2]).view(1, 1, -1)
        + rule[axis, 3]
        for axis in range(3)
    ]
    piece, begins = _needed(values, where)
    scaled = [
        (2 * (found - begin) / max(1, size - 1) - (1 if size > 1 else 0)).float()
        for found, begin, size in zip(where, begins, piece.shape, strict=True)
    ]
    grid = torch.stack(scaled[::-1], dim=-1)[None]
    drawn = functional.grid_sample(piece[None, None], grid, padding_mode="border", align_corners=True)[0, 0]
    if outside is not None:
        for found, size in zip(where, values.shape, strict=True):
            drawn[((found < -HALF) | (found > size - 1 + HALF)).expand_as(drawn)] = outside
    return drawn


def _needed(values: Tensor, where: list[Tensor]) -> tuple[Tensor, list[int]]:
    """The part of the source that a slab is drawn from, as float32, and where it begins."""
    begins, cut = [], []
    for found, size in zip(where, values.shape, strict=True):
        low = min(max(int(found.min().floor()), 0), size - 1)
        high = min(max(int(found.max().ceil()), 0), size - 1)
        begins.append(low)
        cut.append(slice(low, high + 1))
    return values[cut[0], cut[1], cut[2]].float(), begins
