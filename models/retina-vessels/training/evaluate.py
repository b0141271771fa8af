"""Open the test children's photographs once, and record what the released graph draws on them.

    PYTHONPATH=.:models python models/retina-vessels/training/evaluate.py --data FOLDER [--foreign-only]

Refuses when this graph was evaluated before: a second look invites tuning on the test part. `--foreign-only` leaves the
test part closed and asks the guard of pictures of other kinds.
"""

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from network import field_of_view
from numpy.typing import NDArray
from torch import Tensor, nn
from train import SIZE

from learning import figure, foreign, measures
from learning.pictures import squared, unsquared

HERE = Path(__file__).parent
FOLDER = HERE.parent
GRAPH, RECORD = FOLDER / "models/model.pt2", FOLDER / "evaluation.json"
FOREIGN = 40
"""Pictures of each foreign set; a photograph of 640 x 640 takes a third of a second."""
Mask = NDArray[np.bool_]


def ask(graph: nn.Module, pixels: NDArray[np.uint8]) -> tuple[Tensor, Mask, float]:
    """Logits (rows, columns) and field of view at the photograph's own size, and its distance."""
    picture = squared(pixels, SIZE) / 255
    rows, columns = pixels.shape[:2]
    with torch.inference_mode():
        logits, distance = graph(picture)
        field = unsquared(field_of_view(picture), rows, columns)[0, 0] > 0.5  # noqa: PLR2004 - mostly inside
        return unsquared(logits, rows, columns)[0, 0], field.numpy(), float(distance[0])


def dice(first: Mask, second: Mask) -> float:
    """Overlap of two drawings: 1 equal, 0 nothing in common."""
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def look(photograph: dataset.Photograph, logits: Tensor, field: Mask, hub: dict[str, Any]) -> dict[str, Any]:
    """Every figure of one photograph; AUC, sensitivity and specificity inside the field of view."""
    line = hub["calibration"]
    probability = torch.sigmoid(line["slope"] * logits.double() + line["intercept"]).numpy()
    drawn = probability >= hub["classes"][0]["threshold"]
    truth = photograph.first
    return {
        "name": photograph.name,
        "dice": dice(drawn, truth),
        "second_observer_dice": dice(photograph.second, truth),
        "dice_against_second_observer": dice(drawn, photograph.second),
        "auc": measures.area(probability[field], truth[field]),
        "sensitivity": float(drawn[field & truth].mean()),
        "specificity": float(1 - drawn[field & ~truth].mean()),
        "vessel_area_percent": {
            who: float(100 * mask[field].mean())
            for who, mask in (("model", drawn), ("first observer", truth), ("second observer", photograph.second))
        },
    }


def describe(graph: nn.Module, photographs: list[dataset.Photograph], hub: dict[str, Any]) -> dict[str, Any]:
    """Every figure of one part; intervals over children."""
    said = [ask(graph, photograph.pixels) for photograph in photographs]
    eyes = [look(p, logits, field, hub) for p, (logits, field, _) in zip(photographs, said, strict=True)]
    children = [photograph.child for photograph in photographs]

    def over_children(values: list[float]) -> dict[str, float]:
        given = np.array(values)
        return measures.interval(lambda i: float(given[i].mean()), children)

    names = ("dice", "second_observer_dice", "dice_against_second_observer", "auc", "sensitivity", "specificity")
    logit = np.concatenate([logits.double().numpy()[field][::7] for logits, field, _ in said])
    truth = np.concatenate([p.first[field][::7] for p, (_, field, _) in zip(photographs, said, strict=True)])
    line = hub["calibration"]
    area = [eye["vessel_area_percent"] for eye in eyes]
    strange = [distance > hub["guard"]["limit"] for _, _, distance in said]
    return {
        "photographs": len(eyes),
        "children": len(set(children)),
        **{name: over_children([eye[name] for eye in eyes]) for name in names},
        "dice_above_second_observer": over_children([eye["dice"] - eye["second_observer_dice"] for eye in eyes]),
        "vessel_area_percent": {
            "model minus first observer": over_children([a["model"] - a["first observer"] for a in area]),
            "second minus first observer": over_children([a["second observer"] - a["first observer"] for a in area]),
        },
        "calibration": {
            "before": measures.reliability(1 / (1 + np.exp(-logit)), truth.astype(np.int64)),
            "after": measures.reliability(
                1 / (1 + np.exp(-(line["slope"] * logit + line["intercept"]))), truth.astype(np.int64)
            ),
        },
        "guard": {"refused": measures.proportion(sum(strange), len(strange))},
        "each_photograph": [_shortened(eye) for eye in eyes],
    }


def _shortened(eye: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _shortened(value)
        if isinstance(value, dict)
        else value
        if isinstance(value, str)
        else measures.short(value)
        for key, value in eye.items()
    }


def strangers(graph: nn.Module, hub: dict[str, Any], data: Path) -> dict[str, Any]:
    """What the guard refuses of pictures that are no retinas."""
    limit, own = hub["guard"]["limit"], "retina photograph"
    return foreign.refused(lambda picture: ask(graph, picture)[2], limit, data, own=own, mode="RGB", most=FOREIGN)


def main() -> None:
    """Write `evaluation.json` and `docs/reliability.svg`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--foreign-only", action="store_true", help="only what the guard says of other pictures")
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset.folder(asked.data)
    digest = hashlib.sha256(GRAPH.read_bytes()).hexdigest()
    metadata = json.loads((FOLDER / "configs/metadata.json").read_text(encoding="utf-8"))
    hub = metadata["hub"]
    graph = torch.export.load(GRAPH).module()
    if asked.foreign_only:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        record |= {"version": metadata["version"], "foreign_pictures_refused": strangers(graph, hub, data)}
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return
    if RECORD.is_file() and json.loads(RECORD.read_text(encoding="utf-8"))["graph_sha256"] == digest:
        sys.stderr.write("evaluation.json already holds the test result of this graph.\n")
        raise SystemExit(1)
    found = {part: describe(graph, dataset.read(data, part), hub) for part in ("validation", "test")}
    record = {
        "model": hub["name"],
        "version": metadata["version"],
        "graph_sha256": digest,
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "children": {part: list(children) for part, children in dataset.CHILDREN.items()},
        "truth": "first observer, at 999 x 960",
        "intervals": f"95 %; {measures.RESAMPLES} bootstrap resamples of children (few: read them with care); "
        "guard: Wilson",
        **found,
        "foreign_pictures_refused": strangers(graph, hub, data),
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    lines = {
        f"{part}, {when} scaling": found[part]["calibration"][when]["bins"]
        for part, when in (("test", "before"), ("test", "after"), ("validation", "after"))
    }
    figure.draw(lines, FOLDER / "docs/reliability.svg", seen="share of vessel pixels")
    print(json.dumps({name: [found[name]["dice"], found[name]["second_observer_dice"]] for name in found}))


if __name__ == "__main__":
    main()
