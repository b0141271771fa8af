"""Train EvidenceNet on the brain MR slices and keep the weights that the validation part prefers.

Run from the repository root:
    PYTHONPATH=.:models python models/brain-mr-tumour/training/train.py --data FOLDER

The test part is not looked at here. `package.py` comes next.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from learning import measures
from learning.augment import vary
from learning.course import Course
from learning.network import EvidenceNet
from learning.pictures import standardise, stretched

HERE = Path(__file__).parent
ARCHITECTURE = {"classes": 4, "stem": 16, "blocks": [[32, 2], [32, 1], [64, 2], [64, 1], [128, 2], [128, 1]]}
SIZE = 128
BATCH = 32
PEAK_RATE = 3e-3
MEMORY = 0.995
"""Decay of the moving average of the weights, per step: about four epochs."""
DEGREES = 20


def logits(network: EvidenceNet, pictures: Tensor) -> Tensor:
    """Logits of pictures (n, 1, size, size) that are not yet standardised; shape (n, classes)."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network.read(standardise(batch)).logits for batch in torch.split(pictures, 64)])


def temperature(said: Tensor, labels: Tensor) -> float:
    """The divisor of the logits with the least cross-entropy."""
    steps = torch.arange(0.05, 5, 0.005, dtype=torch.float64)
    losses = [functional.cross_entropy(said.double() / step, labels) for step in steps]
    return round(float(steps[int(torch.stack(losses).argmin())]), 3)


def loss_of(network: EvidenceNet, pictures: Tensor, labels: Tensor, balance: Tensor) -> Tensor:
    """Cross-entropy of one batch."""
    with torch.autocast("cpu", torch.bfloat16):
        said = network.read(pictures).logits
    return functional.cross_entropy(said.float(), labels, balance, label_smoothing=0.05)


def learn(parts: dataset.Parts, seed: int, epochs: int, stop: int, target: Path) -> dict[str, Any]:
    """Train once; write the weights whenever the calibrated validation loss is below every earlier one.

    Args:
        parts: of the data; the test part is left alone.
        seed: of the first weights and of every variation.
        epochs: that the learning rate is planned for.
        stop: the last epoch.
        target: where the weights go.
    """
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    pictures, labels = stretched(parts.training.pixels, SIZE), torch.from_numpy(parts.training.labels)
    checked, truth = stretched(parts.validation.pixels, SIZE), torch.from_numpy(parts.validation.labels)
    network = EvidenceNet(**ARCHITECTURE)  # type: ignore[arg-type]
    steps = epochs * (len(labels) // BATCH)
    course = Course(network, peak=PEAK_RATE, steps=steps, decay=0.02, memory=MEMORY)
    share = torch.bincount(labels).float() / len(labels)
    balance = share.rsqrt() / share.rsqrt().mean()
    best: dict[str, Any] = {"loss": float("inf")}
    history = []
    for epoch in range(1, stop + 1):
        network.train()
        order = torch.randperm(len(labels), generator=random)
        losses = []
        for chosen in torch.split(order, BATCH)[: len(order) // BATCH]:
            loss = loss_of(network, vary(pictures[chosen], random, degrees=DEGREES), labels[chosen], balance)
            course.step(loss)
            losses.append(loss.detach())
        said = logits(course.averaged, checked)
        heat = temperature(said, truth)
        probability = torch.softmax(said / heat, dim=1).double().numpy()
        found = functional.cross_entropy(said / heat, truth).item()
        auc = float(np.mean([measures.area(one, truth.numpy() == i) for i, one in enumerate(probability.T)]))
        right = float((said.argmax(1) == truth).float().mean())
        history.append(
            {"epoch": epoch, "training_loss": round(float(torch.stack(losses).mean()), 4)}
            | {"validation_loss": round(found, 4), "macro_auc": round(auc, 4), "accuracy": round(right, 4)}
        )
        print(json.dumps(history[-1]), flush=True)
        if found < best["loss"]:
            best = {"epoch": epoch, "loss": round(found, 4), "macro_auc": round(auc, 4)}
            torch.save(course.averaged.state_dict(), target)
    return {"chosen": best, "history": history}


def main() -> None:
    """Train, and say what was chosen and why."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--epochs", type=int, default=45, help="epochs that the learning rate is planned for")
    options.add_argument("--stop", type=int, help="stop after this epoch (default: the last)")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--weights", type=Path, required=True, help="where the state_dict goes; package.py reads it")
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    os.nice(10)
    began, worked = time.monotonic(), time.process_time()
    parts = dataset.divide(dataset.read(dataset.folder(asked.data)))
    found = learn(parts, asked.seed, asked.epochs, asked.stop or asked.epochs, asked.weights)
    record = {
        "seed": asked.seed,
        "epochs": {"planned": asked.epochs, "stopped_after": asked.stop or asked.epochs},
        "chosen": found["chosen"],
        "rule": "lowest cross-entropy on the validation part after temperature scaling",
        "pictures": {
            part: dict(zip(dataset.CLASSES, np.bincount(pictures.labels).tolist(), strict=True))
            for part, pictures in (("training", parts.training), ("validation", parts.validation))
        },
        "counted": parts.counted,
        "precision": "bfloat16 forward, float32 weights; moving average of the weights",
        "seconds": {"wall": round(time.monotonic() - began), "processor": round(time.process_time() - worked)},
        "machine": f"{asked.threads} thread(s), {platform.machine()}, {platform.system()}",
        "torch": torch.__version__,
        "history": found["history"],
    }
    (HERE / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
