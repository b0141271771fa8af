"""What a model says of a volume: the graph asked whole or by patches, and its answer brought back to the slices."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from services.imaging.domain.model import Model, Task
from services.imaging.domain.reading import best
from services.imaging.inference.back import box_of, mask_of, matrix_from, placed, plane_of
from services.imaging.inference.extent import longest
from services.imaging.inference.graph import Graph
from services.imaging.inference.heatmap import strongest
from services.imaging.inference.looks import looks
from services.imaging.inference.patches import Size, asked, blended
from services.imaging.inference.prediction import Prediction, calibrate, guarded
from services.imaging.inference.scan import Placed, Scan, matrix_of, sampled
from services.imaging.inference.space import prepare
from services.imaging.packages.metadata import Hub, Metadata

THICK: Final = 8
"""Layers of an answer that become probabilities at once."""


@dataclass(frozen=True)
class VolumePrediction(Prediction):
    """What a model says of a volume; heat and region are of one slice, the mask of all.

    Attributes:
        plane: index of the slice that tells most.
        marked: indices of the slices that show something marked.
        longest_mm: the largest extent of what is marked.
        millilitres: of each category; empty where nothing is segmented.
    """

    plane: int = 0
    marked: tuple[int, ...] = ()
    longest_mm: float = 0.0
    millilitres: tuple[float, ...] = ()


@dataclass(frozen=True)
class Answered:
    """The graph's outputs, and where they lie.

    Attributes:
        outputs: by name, each with the axis n of one.
        prepared: the volume as the graph got it.
        corner: index of the patch that says most; None where the graph saw the whole.
    """

    outputs: dict[str, Tensor]
    prepared: Placed
    corner: Size | None = None


def answer(graph: Graph, scan: Scan, model: Model, declared: Metadata) -> Answered:
    """Ask the graph.

    Raises:
        ValueError: the volume shows nothing, or is too large or of another shape than the graph takes.
        RuntimeError: the graph failed.
    """
    hub, patch = declared.hub, declared.patch
    prepared = prepare(scan, hub.preprocessing)
    values = prepared.values
    if hub.patches is None or patch is None:
        _require_shape(values, declared)
        return Answered(graph(values[None, None].contiguous()), prepared)
    if model.task is Task.SEGMENTATION:
        logits = blended(graph, values, patch, hub.patches.overlap, hub.patches.blend)
        return Answered({"logits": logits[None]}, prepared)
    several = list(asked(graph, values, patch, hub.patches.overlap))
    corner, most = max(several, key=lambda each: _weight(each[1], model, hub))
    return Answered({"logits": most[None]}, prepared, corner)


def read(graph: Graph, scan: Scan, model: Model, declared: Metadata) -> VolumePrediction:
    """What the graph's answer means; errors as of `answer`."""
    with torch.inference_mode():
        return _read(graph, scan, model, declared)


def _read(graph: Graph, scan: Scan, model: Model, declared: Metadata) -> VolumePrediction:
    said = answer(graph, scan, model, declared)
    hub, outputs = declared.hub, said.outputs
    distance, familiar = guarded(outputs, hub)
    if not torch.isfinite(outputs["logits"]).all():
        raise RuntimeError("the graph answered with what is no number")
    told = _segmented(said, scan, model, hub) if model.task is Task.SEGMENTATION else _told(said, scan, model, declared)
    away = {} if distance is None else {"distance": distance}
    middle = looks(scan.values[len(scan.values) // 2])
    return replace(told, familiar=familiar, distance=distance, looks=middle | away)


def _require_shape(values: Tensor, declared: Metadata) -> None:
    size = declared.image.size
    if size and values.shape != torch.Size(size):
        raise ValueError("the prepared volume has another shape than network_data_format says")


def _weight(logits: Tensor, model: Model, hub: Hub) -> tuple[bool, float]:
    scores = calibrate(logits, hub.calibration, hub.activation).tolist()
    category, flagged = best(scores, model)
    return flagged, scores[category]


def _segmented(said: Answered, scan: Scan, model: Model, hub: Hub) -> VolumePrediction:
    logits = said.outputs["logits"][0]
    for start in range(0, logits.shape[1], THICK):
        some = logits[:, start : start + THICK]
        some.copy_(calibrate(some, hub.calibration, hub.activation))
    scores = tuple(logits.amax(dim=(1, 2, 3)).tolist())
    mask = mask_of(placed(logits, said.prepared), scan, model)
    counts = np.count_nonzero(mask, axis=(1, 2))
    plane = int(counts.argmax()) if counts.any() else len(mask) // 2
    heat = (mask[plane] > 0).astype(np.float32)
    sizes = np.bincount(mask.reshape(-1), minlength=len(scores) + 1)[1:] * scan.grid.millilitres
    return VolumePrediction(
        scores,
        region=strongest(heat),
        heat=heat,
        mask=mask,
        measure=float(sizes.sum()) if model.measure else None,
        plane=plane,
        marked=tuple(int(index) for index in np.flatnonzero(counts)),
        longest_mm=longest(mask, matrix_of(scan.grid)),
        millilitres=tuple(float(size) for size in sizes),
    )


def _told(said: Answered, scan: Scan, model: Model, declared: Metadata) -> VolumePrediction:
    """A classification, and the slice that shows why where the graph says where."""
    hub = declared.hub
    scores = tuple(calibrate(said.outputs["logits"][0], hub.calibration, hub.activation).tolist())
    told = VolumePrediction(scores, plane=len(scan.values) // 2)
    if said.corner is not None and declared.patch is not None:
        plane, outlined = box_of(said.corner, declared.patch, said.prepared, scan)
        return replace(told, plane=plane, region=strongest(outlined))
    if "evidence" not in said.outputs or hub.explanation is None:
        return told
    evidence = said.outputs["evidence"][0]
    shown = placed(evidence.float() / hub.explanation.full, said.prepared)
    chosen = shown[best(scores, model)[0] if len(shown) > 1 else 0]
    place = np.array(np.unravel_index(int(chosen.values.argmax()), chosen.values.shape))
    plane = plane_of(chosen.matrix @ [*place, 1], scan)
    drawn = sampled(chosen, matrix_from(scan, (plane, 0, 0)), (1, *scan.values.shape[1:]), outside=0.0)[0]
    heat = drawn.clamp(0, 1).numpy()
    return replace(told, plane=plane, heat=heat, region=strongest(heat))
