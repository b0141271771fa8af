"""Where in the radiograph the answer came from.

The network's evidence map is exact (its mean is the logit), so the map shows the places that raised
the answer, not an estimate of them. It says nothing about places that lowered it.
"""

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
        enlarged = functional.interpolate(
            evidence[None, None].float(), (rows, columns), mode="bicubic", align_corners=False
        )
        shown: NDArray[np.float32] = (enlarged[0, 0] / full).clamp(0, 1).numpy()
    return shown
