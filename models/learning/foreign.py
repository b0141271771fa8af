"""Pictures of another kind than a model was made for: what its guard says of them."""

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from learning.measures import proportion

SETS = {
    "chest radiograph": ("kermany_pneumonia_224_5856.tar", "", (".jpeg", ".jpg")),
    "brain MR": ("nickparvar_7019_224.tar", "Testing/", (".jpg",)),
    "breast ultrasound": ("busi_780_256.tar", "", (").png",)),
    "retina photograph": ("chasedb1_28.tar", "", (".jpg",)),
}
"""Name of the set -> archive, folder in it, endings of the pictures' names."""
MOST = 400
"""Pictures of a set; a set of fewer than twice as many comes whole."""


def pictures(data: Path, name: str, mode: str, most: int = MOST) -> Iterator[NDArray[np.uint8]]:
    """Every n-th picture of a set, so that about `most` come, in Pillow's mode `L` or `RGB`."""
    archive, folder, endings = SETS[name]
    with tarfile.open(data / archive) as opened:
        members = [m for m in opened if m.name.startswith(folder) and m.name.endswith(endings)]
        for member in members[:: max(1, len(members) // most)]:
            file = opened.extractfile(member)
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as picture:
                    yield np.asarray(picture.convert(mode))


def refused(
    distance: Callable[[NDArray[np.uint8]], float],
    limit: float,
    data: Path,
    *,
    own: str,
    mode: str = "L",
    most: int = MOST,
) -> dict[str, Any]:
    """Share of each foreign set that the guard refuses, and of all their pictures; absent sets are named so.

    Args:
        distance: of one picture.
        limit: beyond it a picture is refused.
        data: the folder with the archives.
        own: the set of `SETS` that the model was made for; left out.
        mode: what `distance` wants, see `pictures`.
        most: see `pictures`.
    """
    found: dict[str, Any] = {}
    refusals: list[bool] = []
    for name, (archive, _, _) in SETS.items():
        if name == own:
            continue
        if not (data / archive).is_file():
            found[name] = "absent"
            continue
        strange = [distance(picture) > limit for picture in pictures(data, name, mode, most)]
        found[name] = proportion(sum(strange), len(strange))
        refusals += strange
    if refusals:
        found["all"] = proportion(sum(refusals), len(refusals))
    return found
