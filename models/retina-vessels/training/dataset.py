"""Retinal photographs of children with the vessels that two observers drew, divided by child.

The last four children are the test part, as is usual for this set; two of the others validate.

Source: Fraz et al. 2012, https://doi.org/10.1109/TBME.2012.2205687; CHASE_DB1, Kingston University.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from learning.data import holding

ARCHIVE = "chasedb1_28.tar"
CHILDREN = {"training": (1, 2, 3, 5, 6, 7, 8, 10), "validation": (4, 9), "test": (11, 12, 13, 14)}


@dataclass(frozen=True)
class Photograph:
    """One eye.

    Attributes:
        name: such as `Image_01L`.
        child: number of the child; both eyes share it.
        pixels: uint8, shape (960, 999, 3).
        first: vessels of the first observer, the truth; shape (960, 999).
        second: vessels of the second observer; shape (960, 999).
    """

    name: str
    child: int
    pixels: NDArray[np.uint8]
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]


def folder(argument: Path | None) -> Path:
    """The data folder, or a clear message and exit status 2."""
    return holding(argument, ARCHIVE)


def read(data: Path, part: str) -> list[Photograph]:
    """Both eyes of each child of a part, in order."""
    with tarfile.open(data / ARCHIVE) as archive:

        def picture(name: str) -> Image.Image:
            file = archive.extractfile(name)
            if file is None:
                raise ValueError(f"{name} is no file in {ARCHIVE}")
            return Image.open(io.BytesIO(file.read()))

        return [
            Photograph(
                name,
                child,
                np.asarray(picture(f"{name}.jpg").convert("RGB")),
                np.asarray(picture(f"{name}_1stHO.png")).astype(bool),
                np.asarray(picture(f"{name}_2ndHO.png")).astype(bool),
            )
            for child in CHILDREN[part]
            for name in (f"Image_{child:02d}L", f"Image_{child:02d}R")
        ]
