"""Make the released package of `weights.pt`: calibration, operating point, guard, self-check, metadata.

Run after `train.py`; uses the training and validation parts, and the foreign sets that may choose a guard:
    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/package.py --data FOLDER
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from numpy.typing import NDArray
from preparation import prepare
from released import chest_net, known_picture
from torch import Tensor
from train import ARCHITECTURE, HERE, SIZE, Part, load

from learning import foreign, guard
from learning.augment import vary
from learning.calibration import platt
from learning.network import EvidenceNet, Reading
from learning.pictures import standardise

SENSITIVITY = 0.95
"""Least sensitivity on the validation part at the operating point."""
FAMILIAR = 0.97
"""Share of the validation part that must be known to the guard; at 0.99 a quarter of the retina photographs passed."""
OWN = "chest radiograph"
RULE = (
    f"halfway, in ratio, from the {FAMILIAR} quantile of the distance on the validation part to the {guard.NEAREST} "
    "quantile of the nearest foreign set"
)


def readings(network: EvidenceNet, standardised: Tensor) -> Reading:
    """The network's readings of pictures (n, 1, size, size)."""
    with torch.inference_mode():
        parts = [network.read(batch) for batch in torch.split(standardised, 128)]
    return Reading(*(torch.cat(part) for part in zip(*parts, strict=True)))


def operating_point(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The highest threshold, in steps of 0.001, that keeps the wanted sensitivity."""
    steps = np.arange(1, 1000) / 1000
    kept = [t for t in steps if (probability[labels == 1] >= t).mean() >= SENSITIVITY]
    return float(max(kept))


def fit_guard(network: EvidenceNet, trains: Part, checks: Reading, data: Path) -> float:
    """Set the guard's buffers from the training part as it is and varied; return the limit."""
    random = torch.Generator().manual_seed(0)
    plain = readings(network, standardise(trains.pictures)).features
    varied = torch.cat([readings(network, vary(batch, random)).features for batch in torch.split(trains.pictures, 128)])
    features, labels = torch.cat([plain, varied]), trains.labels.repeat(2)
    means, precision = guard.fit(features, labels.long())
    network.guard_means.copy_(means)
    network.guard_precision.copy_(precision)
    strange = {
        name: guard.nearest(
            torch.cat([readings(network, prepare(p, SIZE)).features for p in foreign.pictures(data, name, "L")]),
            means,
            precision,
        )
        for name in foreign.choosing(data, OWN)
    }
    return guard.halfway(float(guard.nearest(checks.features, means, precision).quantile(FAMILIAR)), strange)


def main() -> None:
    """Write `weights.pt` with its guard, and `metadata.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    data = dataset.folder(options.parse_args().data)
    training, validation = dataset.split(dataset.read(data, "train"))
    trains, checked = load(training), load(validation)
    network = chest_net(**ARCHITECTURE)  # type: ignore[arg-type]
    learned = torch.load(HERE / "weights.pt", weights_only=True)
    network.load_state_dict({name: value for name, value in learned.items() if "guard" not in name}, strict=False)
    network.eval()
    checks = readings(network, standardise(checked.pictures))
    logit = checks.logits[:, 0]
    calibration = platt(logit, checked.labels)
    probability = torch.sigmoid(calibration["slope"] * logit.double() + calibration["intercept"]).numpy()
    limit = fit_guard(network, trains, checks, data)
    torch.save(network.state_dict(), HERE / "weights.pt")

    declared: dict[str, Any] = json.loads((HERE / "declared.json").read_text(encoding="utf-8"))
    rows, columns = 200, 240
    with torch.inference_mode():
        known = float(network(prepare(known_picture(rows, columns), SIZE))[0])
    evidence = checks.evidence[checked.labels == 1]
    metadata = declared | {
        "architecture": {"network": "ChestNet", **ARCHITECTURE},
        "input": declared["input"] | {"size": SIZE},
        "output": {
            "calibration": calibration,
            "threshold": operating_point(probability, validation.labels),
            "threshold_rule": f"highest threshold with a sensitivity of at least {SENSITIVITY} on the validation part",
        },
        "guard": {"limit": limit, "rule": RULE},
        "explanation": declared["explanation"] | {"full": round(float(evidence.quantile(0.99)), 3)},
        "self_check": {"rows": rows, "columns": columns, "logit": round(known, 6)},
        "weights": {
            "file": "weights.pt",
            "sha256": hashlib.sha256((HERE / "weights.pt").read_bytes()).hexdigest(),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        },
    }
    (HERE / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: metadata[key] for key in ("output", "guard", "explanation", "self_check", "weights")}))


if __name__ == "__main__":
    main()
