"""How long something marked is: the largest distance between two marked voxels, whichever way it lies."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIRECTIONS: Final = 600
"""Over half a sphere: the largest extent is missed by less than 0.3 %."""


def longest(mask: NDArray[np.uint8], matrix: NDArray[np.float64]) -> float:
    """Millimetres between the centres of the two marked voxels that are farthest apart.

    Args:
        mask: shape (slices, rows, columns), marked above 0.
        matrix: from an index to the patient.
    """
    ends = _ends(mask)
    if not len(ends):
        return 0.0
    places = ends @ matrix[:3, :3].T
    along = places @ _half_sphere().T
    return float((along.max(axis=0) - along.min(axis=0)).max())


def _ends(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The first and the last marked voxel of each row: whatever lies farthest is among them."""
    found = []
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        marked = mask[index] > 0
        rows = np.flatnonzero(marked.any(axis=1))
        first = marked[rows].argmax(axis=1)
        last = marked.shape[1] - 1 - marked[rows, ::-1].argmax(axis=1)
        found += [np.column_stack([np.full(len(rows), index), rows, columns]) for columns in (first, last)]
    return np.concatenate(found).astype(np.float64) if found else np.empty((0, 3))


def _half_sphere() -> NDArray[np.float64]:
    """Directions, evenly spread along a spiral (Fibonacci's)."""
    number = np.arange(DIRECTIONS) + 0.5
    height = number / DIRECTIONS
    turn = math.pi * (1 + math.sqrt(5)) * number
    radius = np.sqrt(1 - height**2)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn), height])
