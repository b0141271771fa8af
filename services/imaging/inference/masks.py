"""A segmentation's mask as a file, and back: what a DICOM SEG is made of.

`files.write(store, masks.to_bytes(mask), files.MASK)` keeps it under its digest, which the table `analysis` names.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def to_bytes(mask: NDArray[np.uint8], planes: Sequence[tuple[str, int]] = ()) -> bytes:
    """Compressed; the same mask gives the same bytes on every machine of one NumPy.

    Args:
        mask: shape (rows, columns) of the picture, or (slices, rows, columns): 0, or the number, from 1, of the
            model's category.
        planes: of a volume the SOP Instance UID and the frame of each slice, so that the two stay together.
    """
    buffer = io.BytesIO()
    if planes:
        uids, frames = zip(*planes, strict=True)
        np.savez_compressed(buffer, mask=mask, uids=np.array(uids), frames=np.array(frames))
    else:
        np.savez_compressed(buffer, mask=mask)
    return buffer.getvalue()


def from_bytes(content: bytes) -> NDArray[np.uint8]:
    """The mask of a file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        mask: NDArray[np.uint8] = kept["mask"]
    return mask


def planes_from(content: bytes) -> list[tuple[str, int]]:
    """The slices of a mask's file; none where it is of a picture."""
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        if "uids" not in kept:
            return []
        return [(str(uid), int(frame)) for uid, frame in zip(kept["uids"], kept["frames"], strict=True)]
