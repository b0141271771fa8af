"""The labelled brain MR slices without their copies, and a validation part that shares no group with the rest.

The published folders hold mirrored, turned, sharpened and brightened copies of the same slices, so
more than four fifths of `Testing` also stand in `Training`. Every copy of a test picture leaves the
training part; of several copies inside a part one stays.

Source: M. Nickparvar, Brain Tumor MRI Dataset, https://doi.org/10.34740/KAGGLE/DSV/2645886.
"""

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from learning.data import holding
from learning.pictures import shrink

ARCHIVE = "nickparvar_7019_224.tar"
CLASSES = ("glioma", "meningioma", "pituitary", "notumor")
THUMBNAIL = 32
COPY = 0.97
"""Correlation of two thumbnails, in any of the eight positions of a square, from which they are copies."""
NEIGHBOUR = 0.95
"""Correlation from which two pictures are never divided between training and validation."""
VALIDATION_PERCENT = 15


@dataclass(frozen=True)
class Pictures:
    """Pictures of one part of the data.

    Attributes:
        names: path in the archive.
        pixels: uint8, shape (n, 224, 224).
        labels: index in `CLASSES`; shape (n,).
        groups: pictures that are alike share a number; shape (n,).
    """

    names: list[str]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> "Pictures":
        """Only the pictures marked in `chosen`, shape (n,)."""
        names = [name for name, keep in zip(self.names, chosen, strict=True) if keep]
        return Pictures(names, self.pixels[chosen], self.labels[chosen], self.groups[chosen])


def folder(argument: Path | None) -> Path:
    """The data folder, or a clear message and exit status 2."""
    return holding(argument, ARCHIVE)


def read(data: Path) -> Pictures:
    """Every picture of both folders in grey, in the order of their names."""
    found: dict[str, NDArray[np.uint8]] = {}
    with tarfile.open(data / ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                with Image.open(io.BytesIO(file.read())) as picture:
                    found[member.name] = np.asarray(picture.convert("L"))
    names = sorted(found)
    pixels = np.stack([found[name] for name in names])
    labels = np.array([CLASSES.index(name.split("/")[1]) for name in names], dtype=np.int64)
    return Pictures(names, pixels, labels, np.arange(len(names)))


def alike(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pairs of pictures (n, 3): first, second, their highest correlation over the eight positions; from NEIGHBOUR."""
    small = shrink(torch.from_numpy(pixels).float()[:, None], THUMBNAIL)[:, 0]
    small = small - small.mean(dim=(1, 2), keepdim=True)
    small = small / small.flatten(1).norm(dim=1).clamp(min=1e-6)[:, None, None]
    best: dict[tuple[int, int], float] = {}
    for position in range(8):
        turned = torch.rot90(small, position % 4, (1, 2))
        turned = turned.flip(2) if position >= 4 else turned  # noqa: PLR2004 - four turns, then four mirrored
        for start in range(0, len(small), 1000):
            correlation = small[start : start + 1000].flatten(1) @ turned.flatten(1).T
            first, second = torch.where(correlation > NEIGHBOUR)
            values = correlation[first, second]
            for a, b, value in zip((first + start).tolist(), second.tolist(), values.tolist(), strict=True):
                if a < b:
                    best[a, b] = max(value, best.get((a, b), 0.0))
    return np.array([(a, b, value) for (a, b), value in sorted(best.items())])


def connected(total: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each of `total` pictures that those share which `pairs` (n, 2) join, directly or by others."""
    first = np.arange(total)

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = int(first[i])
        return i

    for a, b in pairs:
        low, high = sorted((root(int(a)), root(int(b))))
        first[high] = low
    return np.unique([root(i) for i in range(total)], return_inverse=True)[1].astype(np.int64)


def first_of_its_copies(among: NDArray[np.bool_], copies: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pictures of `among` have no earlier kept copy; `copies` (n, 2) holds pairs in order."""
    earlier: dict[int, list[int]] = {}
    for a, b in copies:
        earlier.setdefault(int(b), []).append(int(a))
    kept = np.zeros(len(among), dtype=bool)
    for i in np.flatnonzero(among):
        kept[i] = not any(kept[j] for j in earlier.get(int(i), []))
    return kept


@dataclass(frozen=True)
class Parts:
    """Training, validation and test part, and what was counted while dividing."""

    training: Pictures
    validation: Pictures
    test: Pictures
    counted: dict[str, int]


def divide(everything: Pictures) -> Parts:
    """Take the copies out and divide."""
    pairs = alike(everything.pixels)
    ends, close = pairs[:, :2].astype(np.int64), pairs[:, 2]
    total = len(everything.names)
    groups = connected(total, ends)
    everything = Pictures(everything.names, everything.pixels, everything.labels, groups)

    tests = np.array([name.startswith("Testing/") for name in everything.names])
    copies = ends[close > COPY]
    mixed = copies[tests[copies[:, 0]] != tests[copies[:, 1]]].ravel()
    shared = np.zeros(total, dtype=bool)
    shared[mixed] = True
    trains = first_of_its_copies(~tests & ~shared, copies)

    def validates(group: int) -> bool:
        digest = hashlib.sha256(f"group {group}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % 100 < VALIDATION_PERCENT

    chosen = np.array([validates(int(group)) for group in groups])
    exact = np.array([hashlib.sha256(picture.tobytes()).hexdigest() for picture in everything.pixels])
    return Parts(
        everything.where(trains & ~chosen),
        everything.where(trains & chosen),
        everything.where(first_of_its_copies(tests, copies)),
        {
            "pictures": total,
            "in Training": int((~tests).sum()),
            "in Testing": int(tests.sum()),
            "byte-equal pixels: different test pictures also in Training": len(set(exact[tests]) & set(exact[~tests])),
            "byte-equal pixels: surplus inside Training": int((~tests).sum()) - len(set(exact[~tests])),
            "copies: test pictures with one in Training": int((shared & tests).sum()),
            "copies: Training pictures taken out because of them": int((shared & ~tests).sum()),
            "copies: surplus inside the rest of Training, taken out": int((~tests & ~shared & ~trains).sum()),
        },
    )
