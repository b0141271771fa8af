"""Make the released package of the trained weights: calibration, threshold, guard, graph, test, metadata.

Run after `train.py`; uses the training and validation children only:
    PYTHONPATH=.:models python models/retina-vessels/training/package.py --data FOLDER --weights FILE
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from network import VesselNet, field_of_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from train import CHANNELS, HERE, SIZE, load

from learning import guard, phantom, release
from learning.calibration import platt
from learning.pictures import squared, unsquared

FOLDER = HERE.parent
FAMILIAR = 0.97
"""Share of the varied validation photographs that the guard must accept."""
VARIATIONS = 6
"""Of each photograph, for the guard."""
OUTPUTS = ["logits", "distance"]


def vary(photographs: Tensor, random: torch.Generator) -> Tensor:
    """Turned, mirrored, zoomed, brighter or darker, tinted: as other cameras and hands might have made them."""
    n = len(photographs)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=random)

    angle, zoom = between(-math.pi, math.pi), between(0.8, 1.15)
    mirror = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - half of them
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos() * zoom * mirror, -angle.sin() * zoom
    matrix[:, 1, 0], matrix[:, 1, 1] = angle.sin() * zoom * mirror, angle.cos() * zoom
    matrix[:, :, 2] = between(-0.05, 0.05, 2)
    grid = functional.affine_grid(matrix, list(photographs.shape), align_corners=False)
    moved = functional.grid_sample(photographs, grid, align_corners=False)
    gamma, gain = between(0.7, 1.4, 1, 1, 1), between(0.75, 1.25, 3, 1, 1)
    return (moved.clamp(min=0) ** gamma * gain).clamp(0, 1)


def features(network: VesselNet, photographs: Tensor) -> Tensor:
    """What the guard compares, of photographs (n, 3, size, size), one at a time."""
    with torch.inference_mode():
        return torch.cat([network.features(*network.vessels(photograph[None])) for photograph in photographs])


def fit_guard(network: VesselNet, trains: Tensor, checks: Tensor) -> float:
    """Set the guard's buffers from the training photographs, varied; return the limit."""
    random = torch.Generator().manual_seed(0)

    def several(photographs: Tensor) -> Tensor:
        varied = [features(network, vary(photographs, random)) for _ in range(VARIATIONS)]
        return torch.cat([features(network, photographs), *varied])

    seen = several(trains)
    means, precision = guard.fit(seen, torch.zeros(len(seen), dtype=torch.int64))
    network.guard_means.copy_(means)
    network.guard_precision.copy_(precision)
    return round(float(guard.nearest(several(checks), means, precision).quantile(FAMILIAR)), 3)


def pixels(network: VesselNet, photographs: list[dataset.Photograph]) -> list[tuple[Tensor, NDArray[np.bool_]]]:
    """Of each photograph, the logits (rows, columns) at its own size, and the pixels that are in the field."""
    found = []
    with torch.inference_mode():
        for photograph in photographs:
            picture = squared(photograph.pixels, SIZE) / 255
            rows, columns = photograph.first.shape
            logits = unsquared(network(picture)[0], rows, columns)[0, 0]
            field = unsquared(field_of_view(picture), rows, columns)[0, 0] > 0.5  # noqa: PLR2004 - mostly inside
            found.append((logits, field.numpy()))
    return found


def best_threshold(probabilities: list[NDArray[np.float64]], truths: list[NDArray[np.bool_]]) -> float:
    """The threshold, in steps of 0.01, with the highest mean Dice."""

    def mean_dice(threshold: float) -> float:
        drawn = [probability >= threshold for probability in probabilities]
        return float(np.mean([2 * (d & t).sum() / (d.sum() + t.sum()) for d, t in zip(drawn, truths, strict=True)]))

    return float(max(np.arange(20, 81) / 100, key=mean_dice))


def main() -> None:
    """Write `models/model.pt2`, `test/` and `configs/metadata.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset.folder(asked.data)
    network = VesselNet(CHANNELS)
    network.load_state_dict(torch.load(asked.weights, weights_only=True))
    network.eval()
    validation = dataset.read(data, "validation")
    limit = fit_guard(network, load(dataset.read(data, "training"))[0], load(validation)[0])
    said = pixels(network, validation)
    inside = [
        (logits[torch.from_numpy(field)], photograph.first[field])
        for (logits, field), photograph in zip(said, validation, strict=True)
    ]
    calibration = platt(
        torch.cat([i[0] for i in inside])[::7], torch.from_numpy(np.concatenate([i[1] for i in inside]))[::7]
    )
    probabilities = [
        torch.sigmoid(calibration["slope"] * logits.double() + calibration["intercept"]).numpy() for logits, _ in said
    ]
    threshold = best_threshold(probabilities, [photograph.first for photograph in validation])

    drawn = phantom.fundus(480, 500)
    prepared = squared(drawn, SIZE) / 255
    release.export(network, prepared.repeat(2, 1, 1, 1), FOLDER / "models/model.pt2")
    graph = torch.export.load(FOLDER / "models/model.pt2").module()
    (FOLDER / "test").mkdir(exist_ok=True)
    np.save(FOLDER / "test/input.npy", drawn)
    answer = release.answers(graph, prepared, OUTPUTS)
    (FOLDER / "test/output.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")

    metadata: dict[str, Any] = json.loads((HERE / "declared.json").read_text(encoding="utf-8"))
    metadata["pytorch_version"] = torch.__version__.split("+")[0]
    metadata["hub"]["calibration"] = calibration
    metadata["hub"]["classes"][0]["threshold"] = threshold
    rule = f"{FAMILIAR} quantile of the distance of the validation photographs, as they are and varied"
    metadata["hub"]["guard"] = {"limit": limit, "rule": rule}
    release.write(metadata, FOLDER)
    print(json.dumps({key: metadata["hub"][key] for key in ("calibration", "classes", "guard")}))


if __name__ == "__main__":
    main()
