"""The network as it was trained and measured: weights that match their digest, and the metadata of this folder.

The hub reads what `export.py` makes of it; a test holds the two equal.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from preparation import prepare

from learning.network import EvidenceNet

TOLERANCE = 1e-4
"""Largest difference of the self-check's logit between two machines (float32, other kernels)."""


def chest_net(stem: int, blocks: Sequence[Sequence[int]]) -> EvidenceNet:
    """ChestNet: one finding; its guard knows pictures with and without it."""
    return EvidenceNet(1, stem, blocks, kinds=2)


@dataclass(frozen=True)
class Answer:
    """What a model says of one radiograph.

    Attributes:
        logit: log odds before calibration.
        probability: calibrated, 0..1.
        positive: `probability` reaches the operating threshold.
        distance: how far the picture is from the training pictures (Mahalanobis).
        familiar: `distance` is within the guard's limit; otherwise the rest means nothing.
    """

    logit: float
    probability: float
    positive: bool
    distance: float
    familiar: bool


@dataclass(frozen=True)
class Package:
    """A network and the metadata it was released with."""

    metadata: dict[str, Any]
    network: EvidenceNet

    def read(self, pixels: NDArray[Any]) -> Answer:
        """Read one radiograph, as `prepare` wants it: shape (rows, columns), MONOCHROME2.

        Raises:
            ValueError: `pixels` is not a readable greyscale picture.
        """
        with torch.inference_mode():
            logits, _, distances = self.network(prepare(pixels, self.metadata["input"]["size"]))
        logit, distance = float(logits[0, 0]), float(distances[0])
        output = self.metadata["output"]
        probability = calibrate(logit, output["calibration"])
        return Answer(
            logit=logit,
            probability=probability,
            positive=probability >= output["threshold"],
            distance=distance,
            familiar=distance <= self.metadata["guard"]["limit"],
        )


def load(folder: Path) -> Package:
    """The package in `folder`, checked: digest of the weights, then the answer to a known picture.

    Raises:
        ValueError: the weights are not those of the metadata, or answer differently here.
    """
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    weights = folder / metadata["weights"]["file"]
    if hashlib.sha256(weights.read_bytes()).hexdigest() != metadata["weights"]["sha256"]:
        raise ValueError(f"the weights of {metadata['name']} do not match the digest in its metadata")
    architecture = metadata["architecture"]
    network = chest_net(architecture["stem"], architecture["blocks"])
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    package = Package(metadata, network.eval())
    check = metadata["self_check"]
    if abs(package.read(known_picture(check["rows"], check["columns"])).logit - check["logit"]) > TOLERANCE:
        raise ValueError(f"{metadata['name']} answers its self-check differently on this machine")
    return package


def known_picture(rows: int, columns: int) -> NDArray[np.uint8]:
    """The self-check's picture: a slanted gradient with a dark disc, made of integers only."""
    row, column = np.indices((rows, columns))
    disc = (row - rows // 2) ** 2 + (column - columns // 3) ** 2 < (rows // 5) ** 2
    gradient = (row * 160) // rows + (column * 80) // columns
    return np.where(disc, gradient // 3, gradient).astype(np.uint8)


def calibrate(logit: float, calibration: dict[str, float]) -> float:
    """Platt scaling: the probability behind a logit."""
    return 1 / (1 + math.exp(-(calibration["slope"] * logit + calibration["intercept"])))
