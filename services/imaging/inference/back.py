"""From what a graph says of the prepared volume back to the slices that were read: masks, boxes, the slice of a place.

There is one way back for all steps: where a voxel of the slices lies in the patient, and what the answer says there.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.imaging.domain.model import Model
from services.imaging.inference.patches import Size
from services.imaging.inference.scan import HALF, SLAB, Placed, Scan, matrix_of, sampled


def placed(maps: Tensor, prepared: Placed) -> list[Placed]:
    """Maps (n, first, second, third) of a prepared volume; coarser ones cover the same space."""
    factors = np.array(prepared.values.shape) / np.array(maps.shape[1:])
    matrix = prepared.matrix.copy()
    matrix[:3, 3] += prepared.matrix[:3, :3] @ ((factors - 1) / 2)
    matrix[:3, :3] *= factors
    return [Placed(each, matrix) for each in maps]


def mask_of(probabilities: list[Placed], scan: Scan, model: Model) -> NDArray[np.uint8]:
    """On the slices: each voxel's most probable category whose threshold it reaches, or none; a slab at a time."""
    mask = np.zeros(scan.values.shape, np.uint8)
    slices, rows, columns = scan.values.shape
    thick = max(1, SLAB // (rows * columns))
    for start in range(0, slices, thick):
        shape = (min(thick, slices - start), rows, columns)
        highest, chosen = torch.zeros(shape), torch.zeros(shape, dtype=torch.uint8)
        for number, (map_, category) in enumerate(zip(probabilities, model.categories, strict=True), start=1):
            found = sampled(map_, matrix_from(scan, start), shape, outside=0.0)
            better = (found >= category.threshold) & (found > highest)
            highest = torch.where(better, found, highest)
            chosen[better] = number if category.marks else 0
        mask[start : start + shape[0]] = chosen.numpy()
    return mask


def box_of(corner: Size, patch: Size, prepared: Placed, scan: Scan) -> tuple[int, NDArray[np.float32]]:
    """The slice through the middle of a patch, and the patch on it as ones."""
    inside = torch.zeros(prepared.values.shape)
    inside[tuple(slice(begin, begin + size) for begin, size in zip(corner, patch, strict=True))] = 1
    middle = [begin + min(size, edge) / 2 - HALF for begin, size, edge in zip(corner, patch, inside.shape, strict=True)]
    plane = plane_of(prepared.matrix @ [*middle, 1], scan)
    drawn = sampled(
        Placed(inside, prepared.matrix), matrix_from(scan, plane), (1, *scan.values.shape[1:]), outside=0.0
    )[0]
    return plane, (drawn.numpy() > HALF).astype(np.float32)


def plane_of(point: NDArray[np.float64], scan: Scan) -> int:
    """The slice next to a place in the patient."""
    index = np.linalg.inv(matrix_of(scan.grid)) @ point
    return int(np.clip(round(float(index[0])), 0, len(scan.values) - 1))


def matrix_from(scan: Scan, start: int) -> NDArray[np.float64]:
    """The matrix of the slices from one on."""
    matrix = matrix_of(scan.grid)
    matrix[:3, 3] += matrix[:3, 0] * start
    return matrix
