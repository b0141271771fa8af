"""The labelled children's radiographs, their official split, and a validation part by person.

Source: Kermany, Zhang, Goldbaum 2018, Mendeley Data V2, https://doi.org/10.17632/rscbjbr9sj.2.
"""

import hashlib
import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from learning.data import holding

ARCHIVE = "kermany_pneumonia_224_5856.tar"
LISTS = {"train": "official_train_5216.txt", "test": "official_test_624.txt"}
VALIDATION_PERCENT = 12
"""Persons of the official training list, in percent, that select and calibrate but never train."""


@dataclass(frozen=True)
class Pictures:
    """Pictures of one part of the data.

    Attributes:
        names: path in the archive.
        pixels: uint8, shape (n, 224, 224).
        labels: 1 pneumonia, 0 normal; shape (n,).
    """

    names: list[str]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> "Pictures":
        """Only the pictures marked in `chosen`, shape (n,)."""
        names = [name for name, keep in zip(self.names, chosen, strict=True) if keep]
        return Pictures(names, self.pixels[chosen], self.labels[chosen])


def folder(argument: Path | None) -> Path:
    """The data folder, or a clear message and exit status 2."""
    return holding(argument, ARCHIVE, *LISTS.values())


def person(name: str) -> str:
    """The person's number in a file name.

    `person12_bacteria_47` and `person12_virus_9` count as one person, as do `IM-0115-0001` and
    `NORMAL2-IM-0115-0001`: whether the numbers mean the same child is not documented, and a
    person cut in two would flatter the validation.
    """
    match = re.search(r"(person|IM-)(\d+)", name)
    if match is None:
        message = f"no person number in the file name {name}"
        raise ValueError(message)
    return f"{'pneumonia' if match[1] == 'person' else 'normal'}-{int(match[2])}"


def read(data: Path, part: str) -> Pictures:
    """The official `train` or `test` list, in the list's order."""
    names = (data / LISTS[part]).read_text(encoding="utf-8").split()
    wanted = set(names)
    found: dict[str, NDArray[np.uint8]] = {}
    with tarfile.open(data / ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name in wanted else None
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as picture:
                    found[member.name] = np.asarray(picture.convert("L"))
    labels = np.array([name.startswith("PNEUMONIA/") for name in names], dtype=np.int64)
    return Pictures(names, np.stack([found[name] for name in names]), labels)


def in_validation(names: list[str]) -> NDArray[np.bool_]:
    """Which pictures validate: decided by the digest of the person, so it never changes."""

    def chosen(name: str) -> bool:
        digest = hashlib.sha256(person(name).encode()).digest()
        return int.from_bytes(digest[:4], "big") % 100 < VALIDATION_PERCENT

    return np.array([chosen(name) for name in names])


def split(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """The part that trains and the part that validates; no person is in both."""
    validates = in_validation(pictures.names)
    trains, checks = pictures.where(~validates), pictures.where(validates)
    shared = {person(name) for name in trains.names} & {person(name) for name in checks.names}
    if shared:
        message = f"{len(shared)} persons are in both parts"
        raise ValueError(message)
    return trains, checks
