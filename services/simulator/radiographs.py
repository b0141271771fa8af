"""Synthetic children's chest radiographs: drawn from a fitted distribution, no child's picture.

Source: models/synthetic-radiographs/MODEL_CARD.md.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Label = Literal["normal", "pneumonia"]
LABELS: tuple[Label, Label] = ("normal", "pneumonia")
GENERATOR = Path(__file__).parents[2] / "models" / "synthetic-radiographs" / "generator.npz"
ROWS, COLUMNS = 512, 640
"""The fitted pictures are squares into which wider radiographs were pressed; this stretches them back."""

SPREAD = 0.8
"""How far from its mode a picture is drawn, as a share of the fitted deviation: the usual child, not the odd one."""

RARE = 0.1
"""A mode that fewer of a class belong to is not drawn: it holds the odd pictures, which a guard rightly refuses."""


def draw(label: Label, seed: int, generator: Path = GENERATOR) -> NDArray[np.uint8]:
    """One synthetic radiograph, the same for the same label and seed.

    Returns:
        uint8, shape (512, 640), high is white (MONOCHROME2).
    """
    picture = _sharpen(compose(coordinates(label, seed, generator), generator))
    enlarged = _enlarge(ROWS, len(picture)) @ picture @ _enlarge(COLUMNS, len(picture)).T
    return np.round((enlarged + _grain(seed)).clip(0, 1) * 255).astype(np.uint8)


def coordinates(label: Label, seed: int, generator: Path) -> NDArray[np.float64]:
    """A random point of the class's Gaussian mixture, near one of its common modes; shape (components,)."""
    arrays = _arrays(generator)
    random = np.random.default_rng([seed, LABELS.index(label)])
    fitted = arrays[f"{label}_weights"].astype(np.float64)
    weights = np.where(fitted < RARE, 0, fitted)
    mode = int(random.choice(len(weights), p=weights / weights.sum()))
    factor = arrays[f"{label}_factors"][mode] * float(arrays[f"{label}_factor_scale"][mode])
    deviation = SPREAD * factor @ random.standard_normal(factor.shape[1])
    return np.asarray(arrays[f"{label}_means"][mode] + deviation, dtype=np.float64)


def compose(point: NDArray[np.float64], generator: Path) -> NDArray[np.float64]:
    """The picture at `point`: square, values about 0..1."""
    arrays = _arrays(generator)
    mean = arrays["mean"].astype(np.float64)
    parts = (point * arrays["component_scale"]) @ arrays["components"]
    return np.asarray(mean + parts.reshape(mean.shape))


def _sharpen(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unsharp masking: few components make a soft picture, as no detector does."""
    fine, coarse = _blur(len(picture), 1.5), _blur(len(picture), 5.0)
    return picture + 1.2 * (picture - fine @ picture @ fine.T) + 0.3 * (picture - coarse @ picture @ coarse.T)


def _grain(seed: int) -> NDArray[np.float64]:
    """Detector noise of about 1 % of the range, correlated over neighbouring pixels."""
    noise = np.random.default_rng([seed, len(LABELS)]).standard_normal((ROWS, COLUMNS))
    smooth = _blur(ROWS, 1.0) @ noise @ _blur(COLUMNS, 1.0).T
    return np.asarray(smooth * 0.012 / smooth.std())


@cache
def _arrays(generator: Path) -> dict[str, NDArray[Any]]:
    with np.load(generator, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@cache
def _enlarge(size: int, before: int) -> NDArray[np.float64]:
    """Weights, shape (size, before), of Catmull-Rom interpolation along one edge."""
    centres = (np.arange(size) + 0.5) * before / size - 0.5
    weights = np.zeros((size, before))
    for tap in range(-1, 3):
        index = np.floor(centres).astype(int) + tap
        t = np.abs(centres - index)
        near = 1.5 * t**3 - 2.5 * t**2 + 1
        far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
        np.add.at(weights, (np.arange(size), index.clip(0, before - 1)), np.where(t <= 1, near, far))
    return weights


@cache
def _blur(size: int, sigma: float) -> NDArray[np.float64]:
    """Weights, shape (size, size), of a Gaussian blur along one edge."""
    offsets = np.arange(size)[:, None] - np.arange(size)[None]
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
