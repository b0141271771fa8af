"""From what a graph says of the prepared volume back to the slices that were read: masks, boxes, the slice of a place.

There is one way back for all steps: where a voxel of the slices lies in the patient, and what the answer says there.
"""

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.imaging.domain.model import Model
from services.imaging.inference.patches import Size
from services.imaging.inference.scan import HALF, SLAB, Placed, Scan, matrix_of, sampled, shifted, stretched


def placed(maps: Tensor, prepared: Placed) -> list[Placed]:
    """Maps (n, first, second, third) of a prepared volume; coarser ones cover the same space."""
    factors = np.array(prepared.values.shape) / np.array(maps.shape[1:])
    matrix = stretched(prepared.matrix, factors)
    return [Placed(each, matrix) for each in maps]


def mask_of(probabilities: list[Placed], scan: Scan, model: Model) -> NDArray[np.uint8]:
    """On the slices: each voxel's most probable category whose threshold it reaches, or none; a slab at a time."""
    mask = np.zeros(scan.values.shape, np.uint8)
    marking = [
        _reach(map_, category.threshold, scan)
        for map_, category in zip(probabilities, model.categories, strict=True)
        if category.marks
    ]
    reached = [box for box in marking if box is not None]
    if not reached:
        return mask
    low, high = np.min([box[0] for box in reached], axis=0), np.max([box[1] for box in reached], axis=0)
    rows, columns = int(high[1] - low[1]), int(high[2] - low[2])
    thick = max(1, SLAB // (rows * columns))
    for start in range(int(low[0]), int(high[0]), thick):
        shape = (min(thick, int(high[0]) - start), rows, columns)
        matrix = matrix_from(scan, (start, int(low[1]), int(low[2])))
        highest, chosen = torch.zeros(shape), torch.zeros(shape, dtype=torch.uint8)
        for number, (map_, category) in enumerate(zip(probabilities, model.categories, strict=True), start=1):
            found = sampled(map_, matrix, shape, outside=0.0)
            better = (found >= category.threshold) & (found > highest)
            highest = torch.where(better, found, highest)
            chosen[better] = number if category.marks else 0
        mask[start : start + shape[0], low[1] : high[1], low[2] : high[2]] = chosen.numpy()
    return mask


def _reach(map_: Placed, threshold: float, scan: Scan) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Where on the slices a category can reach its threshold: begin and end of each axis; None where nowhere.

    Between voxels below it nothing is above it, so what is a voxel beyond those that reach it cannot.
    """
    hit = map_.values >= threshold
    along = [torch.nonzero(hit.amax(dim=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    if not len(along[0]):
        return None
    ends = [(float(found[0]) - 1, float(found[-1]) + 1) for found in along]
    corners = np.array([[*corner, 1] for corner in product(*ends)])
    indices = corners @ (np.linalg.inv(matrix_of(scan.grid)) @ map_.matrix).T
    edge = np.array(scan.values.shape)
    low = np.clip(np.floor(indices[:, :3].min(axis=0)), 0, edge - 1).astype(np.int64)
    return low, np.clip(np.ceil(indices[:, :3].max(axis=0)) + 1, low + 1, edge).astype(np.int64)


def box_of(corner: Size, patch: Size, prepared: Placed, scan: Scan) -> tuple[int, NDArray[np.float32]]:
    """The slice through the middle of a patch, and the patch on it as ones."""
    inside = torch.zeros(prepared.values.shape)
    inside[tuple(slice(begin, begin + size) for begin, size in zip(corner, patch, strict=True))] = 1
    middle = [begin + min(size, edge) / 2 - HALF for begin, size, edge in zip(corner, patch, inside.shape, strict=True)]
    plane = plane_of(prepared.matrix @ [*middle, 1], scan)
    drawn = sampled(
        Placed(inside, prepared.matrix), matrix_from(scan, (plane, 0, 0)), (1, *scan.values.shape[1:]), outside=0.0
    )[0]
    return plane, (drawn.numpy() > HALF).astype(np.float32)


def plane_of(point: NDArray[np.float64], scan: Scan) -> int:
    """The slice next to a place in the patient."""
    index = np.linalg.inv(matrix_of(scan.grid)) @ point
    return int(np.clip(round(float(index[0])), 0, len(scan.values) - 1))


def matrix_from(scan: Scan, begin: tuple[int, int, int]) -> NDArray[np.float64]:
    """The matrix of the slices from a voxel on."""
    return shifted(matrix_of(scan.grid), begin)
