"""What `preprocessing` in a package's metadata declares, for whole tensors of training pictures.

The hub has its own implementation; a package's `test/output.json` holds the two equal.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

FLAT = 1e-3
"""Least standard deviation, in units of the value range, that a picture is divided by."""


def shrink(pictures: Tensor, size: int) -> Tensor:
    """Resize float pictures (n, channels, rows, columns) to squares of `size`, antialiased; aspect is not kept."""
    return functional.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=True)


def standardise(pictures: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 for each picture of (n, 1, rows, columns)."""
    mean = pictures.mean(dim=(2, 3), keepdim=True)
    deviation = pictures.std(dim=(2, 3), keepdim=True).clamp(min=FLAT)
    return (pictures - mean) / deviation


def stretched(pixels: NDArray[np.uint8], size: int) -> Tensor:
    """Grey pictures (n, rows, columns), each stretched to 0..1 and resized: (n, 1, size, size), not standardised."""
    parts = []
    for start in range(0, len(pixels), 256):
        values = torch.from_numpy(pixels[start : start + 256].astype(np.float32))[:, None]
        low, high = values.amin(dim=(2, 3), keepdim=True), values.amax(dim=(2, 3), keepdim=True)
        parts.append(shrink((values - low) / (high - low).clamp(min=1), size))
    return torch.cat(parts)


def squared(pixels: NDArray[Any], size: int) -> Tensor:
    """Pad (rows, columns, channels) to a centred square, resize: (1, channels, size, size), values as they were."""
    values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    rows, columns = pixels.shape[:2]
    edge = max(rows, columns)
    top, left = (edge - rows) // 2, (edge - columns) // 2
    padded = functional.pad(values, (left, edge - columns - left, top, edge - rows - top))
    return shrink(padded, size)


def unsquared(maps: Tensor, rows: int, columns: int) -> Tensor:
    """Maps (n, channels, size, size) of what `squared` made, back at (rows, columns), the padding cut off."""
    edge = max(rows, columns)
    large = functional.interpolate(maps, (edge, edge), mode="bilinear", align_corners=False)
    top, left = (edge - rows) // 2, (edge - columns) // 2
    return large[:, :, top : top + rows, left : left + columns]
