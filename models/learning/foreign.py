"""Pictures of another kind than a model was made for: what its guard says of them.

Some sets may be looked at while a guard is chosen; the others are kept apart, and only their share is an honest figure.
"""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from learning import bundled
from learning.measures import proportion

Distance = Callable[[NDArray[np.uint8]], float]
"""Of one picture, grey or of colour, from those that a model learnt from."""
SETS = {
    "chest radiograph": ("kermany_pneumonia_224_5856.tar", "", (".jpeg", ".jpg")),
    "brain MR": ("nickparvar_7019_224.tar", "Testing/", (".jpg",)),
    "breast ultrasound": ("busi_780_256.tar", "", (").png",)),
    "retina photograph": ("chasedb1_28.tar", "", (".jpg",)),
}
"""Name of the set -> archive, folder in it, endings of the pictures' names."""
APART = ("breast ultrasound", "exams and photographs of Python packages")
"""Sets by which no guard's features or limit are chosen; the second is `bundled`."""
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


def available(data: Path, own: str, names: Iterable[str]) -> list[str]:
    """Those of the named sets that are here, but the model's own."""
    return [n for n in names if n != own and (n not in SETS or (data / SETS[n][0]).is_file())]


def choosing(data: Path, own: str) -> list[str]:
    """Names of the sets that may choose a guard, but the model's own.

    Raises:
        SystemExit: none of them is in the folder.
    """
    names = available(data, own, [n for n in SETS if n not in APART])
    if not names:
        raise SystemExit(f"no foreign set lies in {data}: the guard cannot be chosen")
    return names


def distances(distance: Distance, data: Path, name: str, mode: str = "L", most: int = MOST) -> NDArray[np.float64]:
    """Of each picture of a set; see `pictures`."""
    taken = pictures(data, name, mode, most) if name in SETS else bundled.pictures(mode)
    return np.array([distance(picture) for picture in taken])


def refused(
    distance: Distance, limit: float, data: Path, *, own: str, mode: str = "L", most: int = MOST
) -> dict[str, Any]:
    """Share that the guard refuses of the sets that may choose it and of those kept apart; absent sets are named so.

    Args:
        distance: of one picture.
        limit: beyond it a picture is refused.
        data: the folder with the archives.
        own: the set of `SETS` that the model was made for; left out.
        mode: what `distance` wants, see `pictures`.
        most: see `pictures`.
    """
    names = {"may choose the guard": [n for n in SETS if n not in APART and n != own], "kept apart": list(APART)}
    found: dict[str, Any] = {}
    for part, sets in names.items():
        here = {n: distances(distance, data, n, mode, most) > limit for n in available(data, own, sets)}
        found[part] = {n: proportion(int(here[n].sum()), len(here[n])) if n in here else "absent" for n in sets}
        if here:
            strange = np.concatenate(list(here.values()))
            found[part]["all"] = proportion(int(strange.sum()), len(strange))
    return found
