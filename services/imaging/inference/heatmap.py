"""From what the graph says of places back onto the picture: heat maps and masks.

Evidence is shown where it raised the answer; it says nothing about places that lowered it.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.imaging.domain.reading import Region
from services.imaging.inference.steps import Prepared

STRONG = 0.5
"""Share of the strongest evidence that belongs to the region shown."""


def heatmap(evidence: Tensor, prepared: Prepared, shape: tuple[int, int], full: float) -> NDArray[np.float32]:
    """Spread the evidence of one picture over the picture.

    Args:
        evidence: shape (h, w), log odds.
        shape: rows and columns of the picture.
        full: evidence that is shown as 1; the package's `explanation.full`. One scale for every picture, so that a
            picture with little evidence stays pale.

    Returns:
        float32, of the picture's shape, 0 (nothing raised the answer here) to 1.
    """
    down, across = (_bicubic(*edges) for edges in zip(evidence.shape, prepared.canvas, strict=True))
    shown: NDArray[np.float32] = _cut(down @ (evidence.float() / full) @ across.T, prepared, shape).clamp(0, 1).numpy()
    return shown


def enlarged(maps: Tensor, prepared: Prepared, shape: tuple[int, int]) -> Tensor:
    """Maps (n, h, w) of the resized picture on the picture itself: (n, rows, columns), bilinear."""
    spread = functional.interpolate(maps[None], prepared.canvas, mode="bilinear", align_corners=False)[0]
    return _cut(spread, prepared, shape)


def strongest(heat: NDArray[np.float32]) -> Region | None:
    """The box around everything at least half as strong as the strongest place; None where nothing is."""
    peak = float(heat.max())
    if peak <= 0:
        return None
    marked = heat >= STRONG * peak
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    height, width = heat.shape
    return Region(
        row=float(rows[0] / height),
        column=float(columns[0] / width),
        height=float((rows[-1] - rows[0] + 1) / height),
        width=float((columns[-1] - columns[0] + 1) / width),
    )


def _cut(spread: Tensor, prepared: Prepared, shape: tuple[int, int]) -> Tensor:
    """The picture's own part of the canvas."""
    (top, left), (rows, columns) = prepared.corner, shape
    return spread[..., top : top + rows, left : left + columns]


@lru_cache(maxsize=64)
def _bicubic(edge: int, enlarged: int) -> Tensor:
    """Bicubic interpolation along one edge as a matrix (enlarged, edge); two products replace a slow kernel."""
    unit = torch.eye(edge)[None, None]
    return functional.interpolate(unit, (enlarged, edge), mode="bicubic", align_corners=False)[0, 0]
