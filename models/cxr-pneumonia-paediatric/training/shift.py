"""In how many windows of answers a change of the pictures is called one; docs/watching.md gives the figures.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/shift.py --data FOLDER

Windows are drawn at random from the validation pictures, as they are and changed as another scanner would, and judged
against the package's own reference by the looks of the pictures. The reference is of the same pictures: those as they
are say only that the window's own chance is not called a shift.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from services.imaging.domain import drift
from services.imaging.domain.drift import Reference, Verdict
from services.imaging.inference.looks import looks

PACKAGE = Path(__file__).parents[1]
WATCHED = ("brightness", "contrast", "entropy", "sharpness")
WINDOWS = 200


def curve(gamma: float) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Another curve of grey values; above 1 it is darker."""
    return lambda picture: 255 * (picture / 255) ** gamma


def soft(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """A softer detector: blurred by one of 224 pixels."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(1)))


CHANGES: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "as they are": lambda picture: picture,
    "gamma 1.1": curve(1.1),
    "gamma 1.2": curve(1.2),
    "gamma 1.4": curve(1.4),
    "softer": soft,
}


def main() -> None:
    """Print the share of the windows with any statistic shifted, by change and size of the window."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    torch.set_num_threads(1)
    _, validation = dataset.split(dataset.read(dataset.folder(options.parse_args().data), "train"))
    metadata = json.loads((PACKAGE / "configs/metadata.json").read_text(encoding="utf-8"))
    given = metadata["hub"]["reference"]
    known = {
        name: Reference(given["of"], given["n"], tuple(one["edges"]), tuple(one["shares"]))
        for name, one in given["statistics"].items()
    }
    random = np.random.default_rng(0)
    for name, change in CHANGES.items():
        seen = [looks(change(picture)) for picture in validation.pixels]
        values = {statistic: np.array([one[statistic] for one in seen]) for statistic in WATCHED}
        for size in (100, 200):
            found = 0
            for _ in range(WINDOWS):
                drawn = random.choice(len(seen), size, replace=False)
                told = [drift.judge(s, known[s], values[s][drawn].tolist(), 100) for s in WATCHED]
                found += any(each.verdict in {Verdict.SHIFTED, Verdict.DRIFTED} for each in told)
            print(json.dumps({"change": name, "answers": size, "windows called shifted": found / WINDOWS}))


if __name__ == "__main__":
    main()
