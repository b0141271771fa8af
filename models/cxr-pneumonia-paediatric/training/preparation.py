"""From the pixels of one radiograph to the network's input, the same in training and in service."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learning.pictures import shrink, standardise


def prepare(pixels: NDArray[Any], size: int) -> Tensor:
    """Resize and standardise one radiograph.

    The aspect ratio is not kept: the training pictures were stretched to squares too. The result
    does not change with brightness or contrast (a linear rescaling of `pixels`).

    Args:
        pixels: shape (rows, columns), any real type; after modality and VOI LUT, high is white
            (MONOCHROME2), no burnt-in frame around the picture.
        size: edge of the network's square input, pixels.

    Returns:
        float32, shape (1, 1, size, size), mean 0 and standard deviation 1.

    Raises:
        ValueError: not a single greyscale picture, not finite, or of one grey value.
    """
    if pixels.ndim != 2:  # noqa: PLR2004 - rows and columns
        msg = "expected one greyscale picture of shape (rows, columns)"
        raise ValueError(msg)
    values = pixels.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low) or high <= low:
        msg = "the picture has one grey value only or values that are not numbers"
        raise ValueError(msg)
    picture = torch.from_numpy((values - low) / (high - low))[None, None]
    return standardise(shrink(picture, size))
