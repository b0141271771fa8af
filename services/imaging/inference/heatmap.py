"""Where in the radiograph the answer came from.

The network's evidence map is exact (its mean is the logit), so the map shows the places that raised
the answer, not an estimate of them. It says nothing about places that lowered it.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def heatmap(evidence: Tensor, rows: int, columns: int, full: float) -> NDArray[np.float32]:
    """Spread the evidence of one picture over the picture.

    Args:
        evidence: shape (h, w), log odds; `Reading.evidence[i]`.
        rows: rows of the radiograph.
        columns: columns of the radiograph.
        full: evidence that is shown as 1; the model's metadata, `explanation.full`. One scale for
            every picture, so that a picture with little evidence stays pale.

    Returns:
        float32, shape (rows, columns), 0 (nothing raised the answer here) to 1.
    """
    with torch.inference_mode():
        down, across = (_bicubic(*edges) for edges in zip(evidence.shape, (rows, columns), strict=True))
        shown: NDArray[np.float32] = (down @ (evidence.float() / full) @ across.T).clamp_(0, 1).numpy()
    return shown


@lru_cache(maxsize=64)
def _bicubic(edge: int, enlarged: int) -> Tensor:
    """Bicubic interpolation along one edge as a matrix (enlarged, edge); two products replace a slow kernel."""
    unit = torch.eye(edge)[None, None]
    return functional.interpolate(unit, (enlarged, edge), mode="bicubic", align_corners=False)[0, 0]
