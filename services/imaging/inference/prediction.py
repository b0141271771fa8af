"""From the graph's numbers to what is said of one picture: calibrated scores, the guard, the heat map, the mask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    """What a model says of one picture; its place, map and looks cost much and are there once it is `explained`.

    Attributes:
        scores: calibrated probability of each category; in a segmentation, of its most probable pixel.
        familiar: whether the picture resembles those that the model learnt from; if not, the rest means nothing.
        heat: float32 of the picture's shape, 0..1; None where the model explains nothing.
        mask: uint8 of the picture's shape, segmentation only: 0 or the number, from 1, of the category.
        measure: what the mask amounts to, in the model's unit.
        distance: from the training pictures; None where the model has no guard.
        looks: statistics of the picture, to watch for drift.
        explain: what makes region, heat and looks; None where they are there.
    """

    scores: tuple[float, ...]
    familiar: bool = True
    region: Region | None = None
    heat: NDArray[np.float32] | None = None
    mask: NDArray[np.uint8] | None = None
    measure: float | None = None
    distance: float | None = None
    looks: Mapping[str, float] = field(default_factory=dict)
    explain: "Callable[[], Prediction] | None" = field(default=None, compare=False)

    def explained(self) -> "Prediction":
        """The same with region, heat and looks; for the picture that counts.

        Raises:
            RuntimeError: the evidence has another shape than declared.
        """
        return self.explain() if self.explain else self


def predict(
    answered: dict[str, Tensor], prepared: Prepared, picture: NDArray[Any], model: Model, declared: Hub
) -> Prediction:
    """What the outputs for one picture mean."""
    distance, familiar = guarded(answered, declared)
    rows, columns = picture.shape[:2]
    shape = (rows, columns)
    probabilities = calibrate(answered["logits"][0], declared.calibration, declared.activation)
    if not torch.isfinite(probabilities).all():
        raise RuntimeError("the graph answered with what is no number")
    if model.task is Task.SEGMENTATION:
        mask, scores = _mask(enlarged(probabilities, prepared, shape), model)
        measure = 100 * float((mask > 0).sum()) / max(1, _of(picture, declared)) if model.measure else None
        return Prediction(scores, familiar, mask=mask, measure=measure, distance=distance)
    return Prediction(tuple(probabilities.tolist()), familiar, distance=distance)


def guarded(answered: Mapping[str, Tensor], declared: Hub) -> tuple[float | None, bool]:
    """Distance from the training pictures, None where the model has no guard; and whether the guard lets it pass."""
    distance = float(answered["distance"][0]) if "distance" in answered else None
    return distance, distance is None or declared.guard is None or distance <= declared.guard.limit


def explain(
    said: Prediction, answered: dict[str, Tensor], prepared: Prepared, picture: NDArray[Any], model: Model, hub: Hub
) -> Prediction:
    """The same with its heat map and strongest place, from the outputs that it was made of."""
    rows, columns = picture.shape[:2]
    heat = (said.mask > 0).astype(np.float32) if said.mask is not None else None
    if heat is None:
        heat = _heat(answered, best(said.scores, model)[0], prepared, (rows, columns), hub)
    return replace(said, heat=heat, region=strongest(heat) if heat is not None else None, explain=None)


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
