"""Draw what the released graph finds on the CC0 photograph of scikit-image, beside it: `docs/example.jpg`.

PYTHONPATH=.:models python models/retina-vessels/training/example.py
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from train import SIZE

from learning.pictures import squared, unsquared

FOLDER = Path(__file__).parents[1]
SHOWN = 560
"""Edge of each half of the figure, pixels."""
COLOUR = (60, 255, 140)


def main() -> None:
    """Write the figure."""
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("scikit-image is not installed: pip install -c constraints.txt scikit-image")
    photograph = Image.open(Path(found.submodule_search_locations[0]) / "data/retina.jpg").convert("RGB")
    pixels = np.asarray(photograph)
    hub = json.loads((FOLDER / "configs/metadata.json").read_text(encoding="utf-8"))["hub"]
    graph = torch.export.load(FOLDER / "models/model.pt2").module()
    with torch.inference_mode():
        logits, distance = graph(squared(pixels, SIZE) / 255)
    line = hub["calibration"]
    probability = torch.sigmoid(line["slope"] * unsquared(logits, *pixels.shape[:2])[0, 0] + line["intercept"]).numpy()
    vessels = probability >= hub["classes"][0]["threshold"]
    field = pixels.max(axis=2) > 0.1 * pixels.max()
    drawn = np.where(vessels[:, :, None], COLOUR, pixels).astype(np.uint8)
    halves = [np.asarray(Image.fromarray(half).resize((SHOWN, SHOWN))) for half in (pixels, drawn)]
    Image.fromarray(np.hstack(halves)).save(FOLDER / "docs/example.jpg", quality=85)
    share = 100 * vessels[field].mean()
    print(f"distance {float(distance):.2f} of {hub['guard']['limit']}; vessels {share:.1f} % of the field of view")


if __name__ == "__main__":
    main()
