"""A study's pictures, decoded a few ahead of the model and handed to it a few at a time; memory stays bounded."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.imaging import files
from services.imaging.dicom import pixels
from services.imaging.dicom.header import Unreadable
from services.imaging.domain.instance import Instance

AHEAD: Final = 4
"""Pictures that are decoded, or being decoded, while the model looks at others."""

TOGETHER: Final = 8
"""Pictures of one study that the model is handed at once, at most."""

HELD: Final = 64 << 20
"""Bytes of pictures from which on no further one is put beside them."""


@dataclass(frozen=True)
class Shown:
    """One frame (from 1) of an instance, as a reader would see it, or why it cannot be shown."""

    instance: Instance
    frame: int
    picture: NDArray[np.float32] | Unreadable


def groups(pictures: Sequence[Instance], store: Path) -> Generator[list[Shown], None, None]:
    """Each frame of each picture, in order, a few at a time.

    Raises:
        Unavailable: the store is away.
    """
    held: list[Shown] = []
    size = 0
    for shown in _decoded(pictures, store):
        held.append(shown)
        size += 0 if isinstance(shown.picture, Unreadable) else shown.picture.nbytes
        if len(held) == TOGETHER or size >= HELD:
            yield held
            held, size = [], 0
    if held:
        yield held


def _decoded(pictures: Sequence[Instance], store: Path) -> Iterator[Shown]:
    """One thread decodes: the libraries that do let the model run meanwhile."""
    frames = ((instance, frame) for instance in pictures for frame in range(1, instance.frames + 1))
    decoder = ThreadPoolExecutor(1, "decoder")
    waiting: deque[Future[Shown]] = deque()
    try:
        waiting.extend(decoder.submit(_decode, *one, store) for one in islice(frames, AHEAD))
        while waiting:
            shown = waiting.popleft().result()
            waiting.extend(decoder.submit(_decode, *one, store) for one in islice(frames, 1))
            yield shown
    finally:
        decoder.shutdown(cancel_futures=True)


def _decode(instance: Instance, frame: int, store: Path) -> Shown:
    try:
        return Shown(instance, frame, pixels.picture(files.find(store, instance.digest), frame))
    except Unreadable as error:
        return Shown(instance, frame, error)
