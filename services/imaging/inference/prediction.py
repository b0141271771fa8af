"""From the graph's numbers to what is said of one picture: calibrated scores, the guard, the heat map, the mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.imaging.domain.model import Model, Task
from services.imaging.domain.reading import Region, best
from services.imaging.inference.heatmap import enlarged, heatmap, strongest
from services.imaging.inference.steps import Prepared
from services.imaging.packages.metadata import Calibration, Hub

LIT: Final = 0.1
"""Share of the brightest value from which a pixel belongs to the field of view."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one picture.

    Attributes:
        scores: calibrated probability of each category; in a segmentation, of its most probable pixel.
        familiar: whether the picture resembles those that the model learnt from; if not, the rest means nothing.
        heat: float32 of the picture's shape, 0..1; None where the model explains nothing.
        mask: uint8 of the picture's shape, segmentation only: 0 or the number, from 1, of the category.
        measure: what the mask amounts to, in the model's unit.
        distance: from the training pictures; None where the model has no guard.
        looks: statistics of the picture, to watch for drift.
    """

    scores: tuple[float, ...]
    familiar: bool = True
    region: Region | None = None
    heat: NDArray[np.float32] | None = None
    mask: NDArray[np.uint8] | None = None
    measure: float | None = None
    distance: float | None = None
    looks: Mapping[str, float] = field(default_factory=dict)


def predict(
    answered: dict[str, Tensor], prepared: Prepared, picture: NDArray[Any], model: Model, declared: Hub
) -> Prediction:
    """What the outputs for one picture mean."""
    distance = float(answered["distance"][0]) if "distance" in answered else None
    familiar = distance is None or declared.guard is None or distance <= declared.guard.limit
    rows, columns = picture.shape[:2]
    shape = (rows, columns)
    probabilities = calibrate(answered["logits"][0], declared.calibration, declared.activation)
    if not torch.isfinite(probabilities).all():
        raise RuntimeError("the graph answered with what is no number")
    if model.task is Task.SEGMENTATION:
        mask, scores = _mask(enlarged(probabilities, prepared, shape), model)
        marked = (mask > 0).astype(np.float32)
        measure = 100 * float(marked.sum()) / max(1, _of(picture, declared)) if model.measure else None
        return Prediction(scores, familiar, strongest(marked), marked, mask, measure, distance)
    scores = tuple(probabilities.tolist())
    heat = _heat(answered, best(scores, model)[0], prepared, shape, declared)
    region = strongest(heat) if heat is not None else None
    return Prediction(scores, familiar, region, heat, None, None, distance)


def calibrate(logits: Tensor, calibration: Calibration, activation: str) -> Tensor:
    """Probabilities behind logits whose first axis is the categories."""
    if activation == "softmax":
        return torch.softmax(logits.double() / calibration.temperature, dim=0)
    return torch.sigmoid(calibration.slope * logits.double() + calibration.intercept)


def _heat(
    answered: dict[str, Tensor], category: int, prepared: Prepared, shape: tuple[int, int], declared: Hub
) -> NDArray[np.float32] | None:
    if "evidence" not in answered or declared.explanation is None:
        return None
    evidence = answered["evidence"][0]
    return heatmap(evidence[category if len(evidence) > 1 else 0], prepared, shape, declared.explanation.full)


def _mask(probabilities: Tensor, model: Model) -> tuple[NDArray[np.uint8], tuple[float, ...]]:
    """Each pixel belongs to the most probable category that it reaches the threshold of, or to none."""
    limits = torch.tensor([category.threshold for category in model.categories]).view(-1, 1, 1)
    reached = torch.where(probabilities >= limits, probabilities, 0.0)
    highest, category = reached.max(dim=0)
    mask = torch.where(highest > 0, category + 1, 0).to(torch.uint8).numpy()
    return mask, tuple(probabilities.amax(dim=(1, 2)).tolist())


def _of(picture: NDArray[Any], declared: Hub) -> int:
    """How many pixels the measure is a share of."""
    rows, columns = picture.shape[:2]
    if declared.measure is None or declared.measure.of == "picture":
        return int(rows * columns)
    brightest = picture if picture.ndim == 2 else picture.max(axis=2)  # noqa: PLR2004 (rows and columns)
    return int((brightest > LIT * float(brightest.max())).sum())
