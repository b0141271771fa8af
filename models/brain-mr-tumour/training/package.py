"""Make the released package of the trained weights: temperature, thresholds, guard, graph, test, metadata.

Run after `train.py`; uses the training and validation parts only:
    PYTHONPATH=.:models python models/brain-mr-tumour/training/package.py --data FOLDER --weights FILE
"""

import argparse
import json
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from torch import Tensor
from train import ARCHITECTURE, HERE, SIZE, temperature

from learning import guard, phantom, release
from learning.network import EvidenceNet, Reading
from learning.pictures import standardise, stretched

FOLDER = HERE.parent
SENSITIVITY = 0.95
"""Least sensitivity of each class on the validation part at its threshold."""
FAMILIAR = 0.97
"""Share of the validation part that the guard must accept."""
OUTPUTS = ["logits", "evidence", "distance"]


def readings(network: EvidenceNet, standardised: Tensor) -> Reading:
    """The network's readings of pictures (n, 1, size, size)."""
    with torch.inference_mode():
        parts = [network.read(batch) for batch in torch.split(standardised, 64)]
    return Reading(*(torch.cat(part) for part in zip(*parts, strict=True)))


def operating_point(probability: Tensor, ill: Tensor) -> float:
    """The highest threshold, in steps of 0.001, that keeps the wanted sensitivity."""
    steps = np.arange(1, 1000) / 1000
    return float(max(t for t in steps if (probability[ill] >= t).double().mean() >= SENSITIVITY))


def fit_guard(network: EvidenceNet, pictures: Tensor, labels: Tensor, checks: Reading) -> float:
    """Set the guard's buffers from the training part as it is (varied too, it let a quarter of the retinas pass)."""
    means, precision = guard.fit(readings(network, standardise(pictures)).features, labels)
    network.guard_means.copy_(means)
    network.guard_precision.copy_(precision)
    distance = guard.nearest(checks.features, means, precision)
    return round(float(distance.quantile(FAMILIAR)), 3)


def main() -> None:
    """Write `models/model.pt2`, `test/` and `configs/metadata.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--weights", type=Path, required=True)
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    parts = dataset.divide(dataset.read(dataset.folder(asked.data)))
    network = EvidenceNet(**ARCHITECTURE)  # type: ignore[arg-type]
    network.load_state_dict(torch.load(asked.weights, weights_only=True))
    network.eval()
    checks = readings(network, standardise(stretched(parts.validation.pixels, SIZE)))
    truth = torch.from_numpy(parts.validation.labels)
    heat = temperature(checks.logits, truth)
    probability = torch.softmax(checks.logits.double() / heat, dim=1)
    limit = fit_guard(network, stretched(parts.training.pixels, SIZE), torch.from_numpy(parts.training.labels), checks)
    own = checks.evidence[torch.arange(len(truth)), truth]

    drawn = phantom.head(240, 200, lesion=(0.36, 0.62, 0.09))
    prepared = standardise(stretched(drawn[None], SIZE))
    release.export(network, prepared.repeat(2, 1, 1, 1), FOLDER / "models/model.pt2")
    graph = torch.export.load(FOLDER / "models/model.pt2").module()
    (FOLDER / "test").mkdir(exist_ok=True)
    np.save(FOLDER / "test/input.npy", drawn)
    answer = release.answers(graph, prepared, OUTPUTS)
    (FOLDER / "test/output.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")

    metadata: dict[str, Any] = json.loads((HERE / "declared.json").read_text(encoding="utf-8"))
    metadata["pytorch_version"] = torch.__version__.split("+")[0]
    metadata["hub"]["calibration"] = {"temperature": heat}
    for index, category in enumerate(metadata["hub"]["classes"]):
        category["threshold"] = operating_point(probability[:, index], truth == index)
    metadata["hub"]["guard"] = {"limit": limit, "rule": f"{FAMILIAR} quantile of the distance on the validation part"}
    metadata["hub"]["explanation"]["full"] = round(float(own.quantile(0.99)), 3)
    release.write(metadata, FOLDER)
    print(json.dumps({key: metadata["hub"][key] for key in ("calibration", "classes", "guard", "explanation")}))


if __name__ == "__main__":
    main()
