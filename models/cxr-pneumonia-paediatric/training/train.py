"""Train ChestNet on the official training list and keep the weights the validation part prefers.

Run from the repository root:
    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/train.py --data FOLDER --stop 10

The test list is not opened here. `package.py` comes next.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dataset
import torch
from released import chest_net
from torch import Tensor
from torch.nn import functional

from learning import measures
from learning.augment import vary
from learning.calibration import platt
from learning.course import Course
from learning.network import EvidenceNet
from learning.pictures import standardise, stretched

HERE = Path(__file__).parent
ARCHITECTURE = {"stem": 16, "blocks": [[32, 2], [32, 1], [64, 2], [64, 1], [128, 2], [128, 1]]}
SIZE = 160
BATCH = 64
PEAK_RATE = 3e-3
MEMORY = 0.995
"""Decay of the moving average of the weights, per step: about three epochs."""


@dataclass(frozen=True)
class Plan:
    """How many epochs the learning rate is planned for, and after which of them training stops."""

    epochs: int
    stop: int


@dataclass
class Part:
    """Pictures shrunk to the input size, values 0..1 and not yet standardised; shape (n, 1, size, size)."""

    pictures: Tensor
    labels: Tensor


def load(pictures: dataset.Pictures) -> Part:
    """Shrink once; every picture is stretched to its own range first, as `prepare` does."""
    return Part(stretched(pictures.pixels, SIZE), torch.from_numpy(pictures.labels).float())


def logits(network: EvidenceNet, pictures: Tensor) -> Tensor:
    """Log odds of each picture, shape (n,), in float32 as in service."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network.read(standardise(batch)).logits[:, 0] for batch in torch.split(pictures, 128)])


def learn(trains: Part, checks: Part, seed: int, plan: Plan, best: dict[str, float]) -> dict[str, float]:
    """Train once; write `weights.pt` whenever the calibrated validation loss is below every earlier one."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = chest_net(**ARCHITECTURE)  # type: ignore[arg-type]
    steps = plan.epochs * (len(trains.labels) // BATCH)
    course = Course(network, peak=PEAK_RATE, steps=steps, decay=0.02, memory=MEMORY)
    balance = (trains.labels == 0).sum() / (trains.labels == 1).sum()
    for epoch in range(1, plan.stop + 1):
        network.train()
        order = torch.randperm(len(trains.labels), generator=random)
        for chosen in torch.split(order, BATCH)[: len(order) // BATCH]:
            pictures = vary(trains.pictures[chosen], random)
            with torch.autocast("cpu", torch.bfloat16):
                logit = network.read(pictures).logits[:, 0]
            soft = trains.labels[chosen] * 0.94 + 0.03
            loss = functional.binary_cross_entropy_with_logits(logit.float(), soft, pos_weight=balance)
            course.step(loss)
        said = logits(course.averaged, checks.pictures)
        line = platt(said, checks.labels)
        calibrated = line["slope"] * said + line["intercept"]
        found = functional.binary_cross_entropy_with_logits(calibrated, checks.labels).item()
        auc = measures.area(said.double().numpy(), checks.labels.numpy() == 1)
        print(f"seed {seed} epoch {epoch:2d}  loss {found:.4f}  AUC {auc:.4f}  {line}", flush=True)
        if found < best["loss"]:
            best = {"loss": found, "auc": auc, "seed": seed, "epoch": epoch}
            torch.save(course.averaged.state_dict(), HERE / "weights.pt")
    return best


def main() -> None:
    """Train with each seed; say which epoch of which seed the validation part chose."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options.add_argument("--epochs", type=int, default=18, help="epochs the learning rate is planned for")
    options.add_argument("--stop", type=int, help="stop after this epoch (default: the last)")
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    os.nice(10)
    began = time.monotonic()
    training, validation = dataset.split(dataset.read(dataset.folder(chosen.data), "train"))
    trains, checks = load(training), load(validation)
    plan = Plan(chosen.epochs, chosen.stop or chosen.epochs)
    best = {"loss": float("inf")}
    for seed in chosen.seeds:
        best = learn(trains, checks, seed, plan, best)
    record = {
        "seeds": chosen.seeds,
        "epochs": {"planned": plan.epochs, "stopped_after": plan.stop},
        "chosen": best,
        "rule": "lowest cross-entropy on the validation part after Platt scaling, over all seeds and epochs",
        "pictures": {"train": len(trains.labels), "validation": len(checks.labels)},
        "wall": str(timedelta(seconds=round(time.monotonic() - began))),
        "torch": torch.__version__,
    }
    (HERE / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
