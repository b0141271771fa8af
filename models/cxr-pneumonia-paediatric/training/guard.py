"""Measure the released graph's guard and heat map anew, on the validation part and on pictures of other kinds.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/guard.py --data FOLDER [--open-test]

The test part stays closed, unless `--open-test` asks for the guard's figures of it at a limit that was never measured
there; `opened` in `evaluation.json` counts these looks.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learning import foreign, measures, sanity
from learning.pictures import standardise, stretched

FOLDER = Path(__file__).parents[1]
GRAPH, RECORD = FOLDER / "models/model.pt2", FOLDER / "evaluation.json"
SIZE = 160
LOOKED_AT = 120
"""Validation pictures with pneumonia whose heat map is put to the test."""
SQUARE = 40
"""Edge of the square that is hidden, pixels of the network's input."""
SHARE = 0.97
"""Of the validation part, that the guard must accept."""


def prepared(pixels: NDArray[np.uint8]) -> Tensor:
    """What the graph wants of pictures (n, rows, columns)."""
    return standardise(stretched(pixels, SIZE))


def ask(graph: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, evidence and distance of any number of prepared pictures; the graph takes 64 at a time."""
    with torch.inference_mode():
        parts = [graph(batch) for batch in torch.split(pictures, 64)]
    logits, evidence, distance = (torch.cat(part) for part in zip(*parts, strict=True))
    return logits, evidence, distance


def distances(graph: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of pictures (n, rows, columns) from the training pictures."""
    return ask(graph, prepared(pixels))[2].numpy()


def of_test(graph: nn.Module, test: dataset.Pictures, hub: dict[str, Any]) -> dict[str, Any]:
    """What the guard refuses of the test part, of ill and well, and how good the model is on the rest."""
    logits, _, distance = ask(graph, prepared(test.pixels))
    strange, line = distance.numpy() > hub["guard"]["limit"], hub["calibration"]
    said = torch.sigmoid(line["slope"] * logits[:, 0].double() + line["intercept"]).numpy()
    positive, ill = said >= hub["classes"][0]["threshold"], test.labels == 1
    return {
        "limit": hub["guard"]["limit"],
        "refused": measures.proportion(int(strange.sum()), len(strange)),
        "refused_of_pneumonia": measures.proportion(int(strange[ill].sum()), int(ill.sum())),
        "refused_of_normal": measures.proportion(int(strange[~ill].sum()), int((~ill).sum())),
        "operating_point_of_accepted": measures.confusion(positive[~strange], test.labels[~strange]),
    }


def across_halves(distance: NDArray[np.float32], persons: list[str]) -> dict[str, Any]:
    """The limit's rule applied to each half of the validation persons, and what it refuses of the other half."""
    second = np.array([hashlib.sha256(f"half {person}".encode()).digest()[0] % 2 == 1 for person in persons])
    found: dict[str, Any] = {}
    for name, chooses in (("limit of the first half", ~second), ("limit of the second half", second)):
        limit = float(np.quantile(distance[chooses], SHARE))
        other = distance[~chooses] > limit
        found[name] = {
            "limit": round(limit, 3),
            "refused_of_the_other": measures.proportion(int(other.sum()), len(other)),
        }
    return found


def explanation(graph: nn.Module, pictures: dataset.Pictures) -> dict[str, Any]:
    """What `learning.sanity` finds for validation pictures with pneumonia."""
    ill = np.flatnonzero(pictures.labels == 1)
    chosen = ill[:: max(1, len(ill) // LOOKED_AT)][:LOOKED_AT]
    looked = prepared(pictures.pixels[chosen])

    shuffled = sanity.randomised(torch.export.load(GRAPH).module(), seed=0)
    maps, others = ask(graph, looked)[1][:, 0], ask(shuffled, looked)[1][:, 0]
    falls = sanity.occlusion(lambda batch: ask(graph, batch)[:2], looked, [0] * len(looked), maps, SQUARE)
    return sanity.summary(falls, sanity.likeness(maps, others), SQUARE, SIZE)


def main() -> None:
    """Write the figures of the guard and of the heat map into `evaluation.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--open-test", action="store_true", help="measure the guard on the test part, once a limit")
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset.folder(asked.data)
    metadata = json.loads((FOLDER / "configs/metadata.json").read_text(encoding="utf-8"))
    limit = metadata["hub"]["guard"]["limit"]
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    if asked.open_test and record["test"]["guard"].get("limit") == limit:
        sys.stderr.write("evaluation.json already holds what this limit refuses of the test part.\n")
        raise SystemExit(1)
    graph = torch.export.load(GRAPH).module()
    _, validation = dataset.split(dataset.read(data, "train"))
    found = distances(graph, validation.pixels)
    strange = found > limit
    record["version"] = metadata["version"]
    if asked.open_test:
        record["test"]["guard"] = of_test(graph, dataset.read(data, "test"), metadata["hub"])
        record["opened"].append(f"{metadata['version']}: the guard's figures alone, at its limit {limit}")
    record["validation"]["guard"] = {
        "limit": limit,
        "refused": measures.proportion(int(strange.sum()), len(strange)),
    }
    record["guard_across_halves_of_validation"] = across_halves(
        found, [dataset.person(name) for name in validation.names]
    )
    record["foreign_pictures_refused"] = foreign.refused(
        lambda picture: float(distances(graph, picture[None])[0]), limit, data, own="chest radiograph"
    )
    record["explanation"] = explanation(graph, validation)
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
