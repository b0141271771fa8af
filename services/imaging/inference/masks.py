"""A segmentation's mask as a file, and back: what a DICOM SEG is made of.

`files.write(store, masks.to_bytes(mask), files.MASK)` keeps it under its digest, which the table `analysis` names.
"""

import io

import numpy as np
from numpy.typing import NDArray


def to_bytes(mask: NDArray[np.uint8]) -> bytes:
    """Compressed; the same mask gives the same bytes on every machine of one NumPy.

    Args:
        mask: shape (rows, columns) of the picture: 0, or the number, from 1, of the model's category.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, mask=mask)
    return buffer.getvalue()


def from_bytes(content: bytes) -> NDArray[np.uint8]:
    """The mask of a file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        mask: NDArray[np.uint8] = kept["mask"]
    return mask
