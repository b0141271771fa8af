"""A study's pictures, decoded and handed to the model as many at once as a graph is asked; memory stays bounded.

No thread decodes ahead: the JPEG 2000 decoder keeps the interpreter for itself while it works, so the model would only
wait for it, and the other core reads another study meanwhile (measured: docs/models.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.imaging import files
from services.imaging.dicom import pixels
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance
from services.imaging.inference.fitting import TOGETHER

HELD: Final = 64 << 20
"""Bytes of pictures from which on no further one is put beside them."""


@dataclass(frozen=True)
class Shown:
    """One frame (from 1) of an instance, as a reader would see it, or why it cannot be shown."""

    instance: Instance
    frame: int
    picture: NDArray[np.float32] | Unreadable


def groups(pictures: Sequence[Instance], store: Path) -> Iterator[list[Shown]]:
    """Each frame of each picture, in order, a few at a time.

    Raises:
        Unavailable: the store is away.
    """
    held: list[Shown] = []
    size = 0
    for instance in pictures:
        for frame in range(1, instance.frames + 1):
            shown = _decode(instance, frame, store)
            held.append(shown)
            size += 0 if isinstance(shown.picture, Unreadable) else shown.picture.nbytes
            if len(held) == TOGETHER or size >= HELD:
                yield held
                held, size = [], 0
    if held:
        yield held


def _decode(instance: Instance, frame: int, store: Path) -> Shown:
    path = files.find(store, instance.digest)
    try:
        return Shown(instance, frame, pixels.picture(path, frame))
    except Unreadable as error:
        return Shown(instance, frame, error)
