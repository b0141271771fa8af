"""Pictures that are no children's radiographs: what the guard says of them."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measures import proportion
from numpy.typing import NDArray
from PIL import Image
from released import Package

SETS = {
    "brain MR": ("nickparvar_7019_224.tar", "Testing/", ".jpg"),
    "breast ultrasound": ("busi_780_256.tar", "", ").png"),
    "retina photograph": ("chasedb1_28.tar", "", ".jpg"),
}
"""Name of the set -> archive, folder in it, ending of the pictures' names."""
MOST = 400


def pictures(archive: Path, folder: str, ending: str) -> Iterator[NDArray[np.uint8]]:
    """Every n-th picture of the archive in grey, at most about `MOST`."""
    with tarfile.open(archive) as opened:
        members = [m for m in opened if m.name.startswith(folder) and m.name.endswith(ending)]
        for member in members[:: max(1, len(members) // MOST)]:
            file = opened.extractfile(member)
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as picture:
                    yield np.asarray(picture.convert("L"))


def refused(package: Package, data: Path) -> dict[str, Any]:
    """Share of each foreign set that the guard refuses; sets that are not in `data` are named absent."""
    found: dict[str, Any] = {}
    for name, (archive, folder, ending) in SETS.items():
        if not (data / archive).is_file():
            found[name] = "absent"
            continue
        strange = [not package.read(picture).familiar for picture in pictures(data / archive, folder, ending)]
        found[name] = proportion(sum(strange), len(strange))
    return found
