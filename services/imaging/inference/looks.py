"""A few numbers on how a picture looks, to watch for drift: cheap, and nothing of the patient is left in them.

Of the picture as decoded, not as prepared: most models standardise their input, so its mean and deviation never change.
Everything but the size is taken of 96 x 96 means, so that the same picture says the same at each resolution.
"""

import math
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

EDGE: Final = 96
LEVELS: Final = 64
_MEGA: Final = 1e6


def looks(picture: NDArray[Any]) -> dict[str, float]:
    """Statistics of a picture of shape (rows, columns) or (rows, columns, 3); see `domain.drift.STATISTICS`."""
    rows, columns = picture.shape[:2]
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)  # noqa: PLR2004 (rows and columns)
    values = torch.from_numpy(np.ascontiguousarray(grey, dtype=np.float32))
    small = functional.adaptive_avg_pool2d(values[None, None], (EDGE, EDGE))[0, 0]
    low, high = torch.quantile(small, torch.tensor([0.01, 0.99])).tolist()
    scaled = ((small - low) / max(high - low, 1e-9)).clamp(0, 1)
    found = {
        "brightness": float(scaled.mean()),
        "contrast": float(scaled.std()),
        "entropy": _entropy(scaled),
        "sharpness": float((scaled.diff(dim=0).abs().mean() + scaled.diff(dim=1).abs().mean()) / 2),
        "megapixels": rows * columns / _MEGA,
        "aspect": columns / rows,
    }
    return {name: round(value, 5) for name, value in found.items() if math.isfinite(value)}


def _entropy(scaled: torch.Tensor) -> float:
    shares = torch.histc(scaled, bins=LEVELS, min=0, max=1) / scaled.numel()
    return float(-(shares[shares > 0] * shares[shares > 0].log2()).sum())
