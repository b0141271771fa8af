"""Train VesselNet on patches of the training children's photographs.

Run from the repository root:
    PYTHONPATH=.:models python models/retina-vessels/training/train.py --data FOLDER --weights FILE

The test children's photographs are not opened here. `package.py` comes next.
"""

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import dataset
import torch
from network import VesselNet, evened
from torch import Tensor
from torch.nn import functional

from learning.course import Course
from learning.pictures import squared

HERE = Path(__file__).parent
CHANNELS = (12, 24, 48, 64)
SIZE = 640
PATCH = 160
BATCH = 6
PEAK_RATE = 4e-3
MEMORY = 0.99
LOOK_EVERY = 100


def load(photographs: list[dataset.Photograph]) -> tuple[Tensor, Tensor]:
    """Photographs (n, 3, SIZE, SIZE) of 0..1 and the first observer's vessels (n, 1, SIZE, SIZE) of 0..1."""
    pictures = torch.cat([squared(p.pixels, SIZE) for p in photographs]) / 255
    return pictures, torch.cat([squared(p.first[:, :, None], SIZE) for p in photographs])


def patches(seen: Tensor, truth: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random batch: turned, mirrored, zoomed squares, with other contrast and noise."""
    chosen = torch.randint(len(seen), (BATCH,), generator=random)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(BATCH, *shape, generator=random)

    angle, zoom = between(-math.pi, math.pi), between(0.8, 1.25) * PATCH / SIZE
    mirror = torch.where(torch.rand(BATCH, generator=random) < 0.5, -1.0, 1.0)  # noqa: PLR2004 - half of them
    matrix = torch.zeros(BATCH, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos() * zoom * mirror, -angle.sin() * zoom
    matrix[:, 1, 0], matrix[:, 1, 1] = angle.sin() * zoom * mirror, angle.cos() * zoom
    matrix[:, :, 2] = between(-0.72, 0.72, 2)
    grid = functional.affine_grid(matrix, [BATCH, 1, PATCH, PATCH], align_corners=False)
    both = functional.grid_sample(torch.cat([seen[chosen], truth[chosen]], dim=1), grid, align_corners=False)
    colours, field, drawn = both[:, :2], both[:, 2:3], both[:, 3:]
    contrast, shift = between(0.7, 1.4, 2, 1, 1), between(-0.3, 0.3, 2, 1, 1)
    noise = torch.randn(colours.shape, generator=random) * between(0, 0.3, 1, 1, 1)
    return torch.cat([(colours * contrast + shift + noise) * field, field], dim=1), drawn


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy and one minus the soft Dice, of the whole batch."""
    said = torch.sigmoid(logits)
    overlap = 2 * (said * truth).sum() / (said.sum() + truth.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, truth) + 1 - overlap


def dice(network: VesselNet, seen: Tensor, truth: Tensor) -> float:
    """Mean Dice at a probability of one half, in the network's resolution."""
    network.eval()
    found = []
    with torch.inference_mode():
        for picture, drawn in zip(seen, truth, strict=True):
            vessels = (network.segment(picture[None])[0] > 0) & (picture[2:] > 0)
            real = drawn > 0.5  # noqa: PLR2004 - mostly vessel
            found.append(float(2 * (vessels & real).sum() / (vessels.sum() + real.sum())))
    return sum(found) / len(found)


def learn(data: Path, seed: int, steps: int, stop: int, target: Path) -> dict[str, Any]:
    """Train once; write the weights whenever the validation photographs' Dice is above every earlier one.

    Args:
        data: the folder with the archive.
        seed: of the first weights and of every variation.
        steps: that the learning rate is planned for.
        stop: the last step.
        target: where the weights go.
    """
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    pictures, truth = load(dataset.read(data, "training"))
    checked, drawn = load(dataset.read(data, "validation"))
    seen, looked = evened(pictures), evened(checked)
    network = VesselNet(CHANNELS)
    course = Course(network, peak=PEAK_RATE, steps=steps, decay=0.01, memory=MEMORY)
    best: dict[str, Any] = {"dice": 0.0}
    history: list[dict[str, Any]] = []
    losses: list[float] = []
    for step in range(1, stop + 1):
        network.train()
        batch, vessels = patches(seen, truth, random)
        with torch.autocast("cpu", torch.bfloat16):
            said = network.segment(batch)
        loss = loss_of(said.float(), vessels)
        course.step(loss)
        losses.append(float(loss.detach()))
        if step % LOOK_EVERY == 0:
            found = round(dice(course.averaged, looked, drawn), 4)
            history.append({"step": step, "loss": round(sum(losses) / len(losses), 4), "validation_dice": found})
            losses.clear()
            print(json.dumps(history[-1]), flush=True)
            if found > best["dice"]:
                best = {"step": step, "dice": found}
                torch.save(course.averaged.state_dict(), target)
    return {"chosen": best, "history": history}


def main() -> None:
    """Train, and say what was chosen and why."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--steps", type=int, default=1800, help="steps that the learning rate is planned for")
    options.add_argument("--stop", type=int, help="stop after this step (default: the last)")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--weights", type=Path, required=True, help="where the state_dict goes; package.py reads it")
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    os.nice(10)
    began, worked = time.monotonic(), time.process_time()
    found = learn(dataset.folder(asked.data), asked.seed, asked.steps, asked.stop or asked.steps, asked.weights)
    record = {
        "seed": asked.seed,
        "steps": {"planned": asked.steps, "stopped_after": asked.stop or asked.steps},
        "batch": f"{BATCH} patches of {PATCH} x {PATCH}",
        "chosen": found["chosen"],
        "rule": "highest mean Dice on the validation children's photographs, in the network's resolution",
        "children": {part: list(children) for part, children in dataset.CHILDREN.items()},
        "precision": "bfloat16 forward, float32 weights; moving average of the weights",
        "seconds": {"wall": round(time.monotonic() - began), "processor": round(time.process_time() - worked)},
        "machine": f"{asked.threads} thread(s), {platform.machine()}, {platform.system()}",
        "torch": torch.__version__,
        "history": found["history"],
    }
    (HERE / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
