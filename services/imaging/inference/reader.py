"""The model of this process: loaded once, in a worker child, and asked for its opinion on one picture.

torch stays behind this package: `model` and `predict` speak the domain's words and numpy's.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from prometheus_client import Histogram

from services.imaging.domain.reading import IntendedUse, Model, Region
from services.imaging.inference import package
from services.imaging.settings import settings
from shared.errors import HubError

SECONDS = Histogram(
    "hub_imaging_inference_seconds",
    "Time that the network takes for one picture, with its preparation",
    ["model", "version"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)

STRONG = 0.5
"""Share of the strongest evidence that belongs to the region shown."""


class BadModel(HubError):
    """The model package is not whole: nothing may be read with it."""


@dataclass(frozen=True)
class Prediction:
    """What the network says of one picture.

    Attributes:
        probability: calibrated, 0..1.
        familiar: whether the picture resembles those that the model learnt from; if not, the rest means nothing.
        heat: shape of the picture, 0..1.
    """

    probability: float
    familiar: bool
    region: Region | None
    heat: NDArray[np.float32]


def load() -> None:
    """Load and check the weights now, so that the first study does not wait for it.

    Raises:
        BadModel: the digest or the self-check is wrong.
    """
    torch.set_num_threads(settings().threads)
    _package(settings().model_dir)


def model() -> Model:
    """Which model this process has, by its metadata; the weights are not needed for that.

    Raises:
        BadModel: the metadata cannot be read.
    """
    try:
        return _described(settings().model_dir)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadModel(f"The model's metadata cannot be read: {type(error).__name__}") from None


def predict(picture: NDArray[Any]) -> Prediction:
    """Read one picture: shape (rows, columns), high is white.

    Raises:
        ValueError: it shows nothing.
        BadModel: the digest or the self-check is wrong.
    """
    loaded = _package(settings().model_dir)
    with SECONDS.labels(loaded.metadata["name"], loaded.metadata["version"]).time():
        answer = loaded.read(picture)
    return Prediction(answer.probability, answer.familiar, strongest(answer.heat), answer.heat)


def strongest(heat: NDArray[np.float32]) -> Region | None:
    """The box around everything at least half as strong as the strongest place; None where nothing is."""
    peak = float(heat.max())
    if peak <= 0:
        return None
    marked = heat >= STRONG * peak
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    height, width = heat.shape
    return Region(
        row=float(rows[0] / height),
        column=float(columns[0] / width),
        height=float((rows[-1] - rows[0] + 1) / height),
        width=float((columns[-1] - columns[0] + 1) / width),
    )


@cache
def _described(folder: Path) -> Model:
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    use = metadata["intended_use"]
    return Model(
        name=metadata["name"],
        version=metadata["version"],
        digest=metadata["weights"]["sha256"],
        threshold=metadata["output"]["threshold"],
        use=IntendedUse(
            modalities=frozenset(use["modalities"]),
            body_parts=frozenset({use["body_part"]}),
            views=frozenset(use["views"]),
            at_least=use["age_years"]["at_least"],
            below=use["age_years"]["below"],
        ),
        limits=tuple(metadata["does_not_check"]),
    )


@cache
def _package(folder: Path) -> package.Package:
    try:
        return package.load(folder)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadModel(f"The model in {folder.name} cannot be used: {type(error).__name__}") from None
