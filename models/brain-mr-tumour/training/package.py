"""Make the released package of the trained weights: temperature, thresholds, guard, graph, test, metadata.

Run after `train.py`; uses the training and validation parts only:
    PYTHONPATH=.:models python models/brain-mr-tumour/training/package.py --data FOLDER [--weights FILE]
Without `--weights` the released network stays, and only its guard is chosen anew. `reference.py` comes next.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import choose_guard
import dataset
import numpy as np
import torch
from torch import Tensor
from train import ARCHITECTURE, HERE, SIZE, temperature

from learning import phantom, release
from learning.network import EvidenceNet, Reading
from learning.pictures import standardise, stretched

FOLDER = HERE.parent
SENSITIVITY = 0.95
"""Least sensitivity of each class on the validation part at its threshold."""
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


def weights(file: Path | None) -> dict[str, Tensor]:
    """Trained weights, or those of the released graph."""
    if file is None:
        return dict(torch.export.load(FOLDER / "models/model.pt2").state_dict)
    return dict(torch.load(file, weights_only=True))


def main() -> None:
    """Write `models/model.pt2`, `test/` and `configs/metadata.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--weights", type=Path, help="default: those of the released graph")
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset.folder(asked.data)
    parts = dataset.divide(dataset.read(data))
    network = EvidenceNet(**ARCHITECTURE)  # type: ignore[arg-type]
    network.load_state_dict(weights(asked.weights))
    network.eval()
    checks = readings(network, standardise(stretched(parts.validation.pixels, SIZE)))
    truth = torch.from_numpy(parts.validation.labels)
    heat = temperature(checks.logits, truth)
    probability = torch.softmax(checks.logits.double() / heat, dim=1)
    trains, labels = stretched(parts.training.pixels, SIZE), torch.from_numpy(parts.training.labels)
    limit, record = choose_guard.choose(network, trains, labels, checks.features, data, SIZE)
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
    metadata["hub"]["guard"] = {"limit": limit, "rule": f"{record['chosen']}; {record['rule']}"}
    metadata["hub"]["explanation"]["full"] = round(float(own.quantile(0.99)), 3)
    release.write(metadata, FOLDER)
    print(json.dumps({key: metadata["hub"][key] for key in ("calibration", "classes", "guard", "explanation")}))


if __name__ == "__main__":
    main()
