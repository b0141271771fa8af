"""Open the test part once, and record what the released graph says of it.

    PYTHONPATH=.:models python models/brain-mr-tumour/training/evaluate.py --data FOLDER [--guard-only]

Refuses when this graph was evaluated before: a second look invites tuning on the test part. A graph of the same network
with another guard opens it for the guard's share alone (`--guard-only`); `opened` in the record counts these looks.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from learning import figure, foreign, measures, sanity
from learning.pictures import standardise, stretched

HERE = Path(__file__).parent
FOLDER = HERE.parent
GRAPH, RECORD = FOLDER / "models/model.pt2", FOLDER / "evaluation.json"
SIZE = 128
LOOKED_AT = 120
"""Test pictures with a tumour whose heat map is put to the test."""
SQUARE = 32
"""Edge of the square that is hidden, pixels of the network's input."""


@dataclass(frozen=True)
class Said:
    """What the graph says of n pictures: logits (n, classes), evidence (n, classes, h, w), distance (n,)."""

    logits: Tensor
    evidence: Tensor
    distance: Tensor


def ask(graph: nn.Module, pixels: NDArray[np.uint8]) -> Said:
    """Read pictures (n, rows, columns)."""
    with torch.inference_mode():
        parts = [graph(batch) for batch in torch.split(standardise(stretched(pixels, SIZE)), 64)]
    return Said(*(torch.cat(part) for part in zip(*parts, strict=True)))


def each_class(said: NDArray[np.int64], labels: NDArray[np.int64], index: int) -> dict[str, Any]:
    """Sensitivity, specificity and predictive values of the most probable class."""
    found = measures.confusion(said == index, (labels == index).astype(np.int64))
    return {key: found[key] for key in ("sensitivity", "specificity", "ppv", "npv")}


def right(said: NDArray[np.int64], labels: NDArray[np.int64], groups: NDArray[np.int64]) -> dict[str, float]:
    """Share of pictures whose most probable class is the true one."""
    return measures.interval(lambda i: float((said[i] == labels[i]).mean()), groups) | {"n": len(labels)}


def subgroup(
    chosen: NDArray[np.bool_], probability: NDArray[np.float64], part: dataset.Pictures
) -> dict[str, Any] | None:
    """Accuracy of some of the pictures, and the macro AUC where all classes are among them."""
    if not chosen.any():
        return None
    labels, groups = part.labels[chosen], part.groups[chosen]
    figures: dict[str, Any] = {"accuracy": right(probability[chosen].argmax(axis=1), labels, groups)}
    if len(np.unique(labels)) == len(dataset.CLASSES):
        figures["macro_auc"] = measures.macro_auc(probability[chosen], labels, groups)
    return figures


def reliability(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Of the most probable class: expected calibration error and bins; the Brier score over all classes."""
    found = measures.reliability(probability.max(axis=1), (probability.argmax(axis=1) == labels).astype(np.int64))
    truth = np.eye(probability.shape[1])[labels]
    return found | {"brier": measures.short(((probability - truth) ** 2).sum(axis=1).mean())}


def describe(part: dataset.Pictures, said: Said, hub: dict[str, Any], known: NDArray[np.int64]) -> dict[str, Any]:
    """Every figure of one part; `known` are the groups of the training part."""
    labels, classes = part.labels, dataset.CLASSES
    logits = said.logits.double()
    before = torch.softmax(logits, dim=1).numpy()
    probability = torch.softmax(logits / hub["calibration"]["temperature"], dim=1).numpy()
    best = probability.argmax(axis=1)
    flagged = np.stack([probability[:, i] >= c["threshold"] for i, c in enumerate(hub["classes"])], axis=1)
    tumour = (labels != classes.index("notumor")).astype(np.int64)
    tumours = [i for i, c in enumerate(hub["classes"]) if c["flags"]]
    near = np.isin(part.groups, known)
    return {
        "pictures": dict(zip(classes, np.bincount(labels).tolist(), strict=True)) | {"all": len(labels)},
        "groups": len(np.unique(part.groups)),
        "macro_auc": measures.macro_auc(probability, labels, part.groups),
        "auc": {
            name: measures.auc(probability[:, i], (labels == i).astype(np.int64), part.groups)
            for i, name in enumerate(classes)
        },
        "accuracy": right(best, labels, part.groups),
        "confusion": {
            name: dict(zip(classes, np.bincount(best[labels == i], minlength=4).tolist(), strict=True))
            for i, name in enumerate(classes)
        },
        "most_probable_class": {name: each_class(best, labels, i) for i, name in enumerate(classes)},
        "operating_points": {
            name: {"threshold": hub["classes"][i]["threshold"]}
            | measures.confusion(flagged[:, i], (labels == i).astype(np.int64))
            for i, name in enumerate(classes)
        },
        "any_tumour_flagged": measures.confusion(np.logical_or.reduce(flagged[:, tumours], axis=1), tumour),
        "calibration": {"before": reliability(before, labels), "after": reliability(probability, labels)},
        "subgroups": {
            "like a training picture (correlation 0.95 to 0.97, or a chain of such)": subgroup(near, probability, part),
            "like no training picture": subgroup(~near, probability, part),
        },
        "guard": guarded(part, said, hub),
    }


def guarded(part: dataset.Pictures, said: Said, hub: dict[str, Any]) -> dict[str, Any]:
    """What the guard refuses of a part, of each class and of those that are right, and the accuracy of the rest."""
    strange = said.distance.numpy() > hub["guard"]["limit"]
    best = said.logits.argmax(dim=1).numpy()
    each = {name: strange[part.labels == i] for i, name in enumerate(dataset.CLASSES)}
    return {
        "limit": hub["guard"]["limit"],
        "refused": measures.proportion(int(strange.sum()), len(strange)),
        "refused_of_each_class": {name: measures.proportion(int(s.sum()), len(s)) for name, s in each.items()},
        "accuracy_of_accepted": right(best[~strange], part.labels[~strange], part.groups[~strange]),
    }


def explanation(graph: nn.Module, part: dataset.Pictures) -> dict[str, Any]:
    """What `learning.sanity` finds for test pictures with a tumour."""
    ill = np.flatnonzero(part.labels != dataset.CLASSES.index("notumor"))
    chosen = ill[:: max(1, len(ill) // LOOKED_AT)][:LOOKED_AT]
    prepared = standardise(stretched(part.pixels[chosen], SIZE))
    classes = torch.from_numpy(part.labels[chosen])
    rows = torch.arange(len(chosen))

    def read(batch: Tensor) -> tuple[Tensor, Tensor]:
        logits, evidence, _ = graph(batch)
        return functional.log_softmax(logits, dim=1), evidence

    shuffled = sanity.randomised(torch.export.load(GRAPH).module(), seed=0)
    with torch.inference_mode():
        maps, others = graph(prepared)[1][rows, classes], shuffled(prepared)[1][rows, classes]
    falls = sanity.occlusion(read, prepared, classes.tolist(), maps, SQUARE)
    return sanity.summary(falls, sanity.likeness(maps, others), SQUARE, SIZE)


def require_same_network(recorded: dict[str, Any], found: dict[str, Any]) -> None:
    """Stop when a figure of the validation part other than the guard's has changed."""
    changed = [key for key in recorded if key != "guard" and recorded[key] != found[key]]
    if changed:
        sys.stderr.write(f"This is another network: {', '.join(changed)} of the validation part changed.\n")
        raise SystemExit(1)


def main() -> None:
    """Write `evaluation.json` and `docs/reliability.svg`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--guard-only", action="store_true", help="the same network, another guard")
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    data = dataset.folder(asked.data)
    digest = hashlib.sha256(GRAPH.read_bytes()).hexdigest()
    metadata = json.loads((FOLDER / "configs/metadata.json").read_text(encoding="utf-8"))
    hub = metadata["hub"]
    before = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    if before.get("graph_sha256") == digest and before["test"]["guard"]["limit"] == hub["guard"]["limit"]:
        sys.stderr.write("evaluation.json already holds the test result of this graph at this limit of its guard.\n")
        raise SystemExit(1)
    graph = torch.export.load(GRAPH).module()
    parts = dataset.divide(dataset.read(data))
    foreigners = foreign.refused(
        lambda picture: float(ask(graph, picture[None]).distance[0]), hub["guard"]["limit"], data, own="brain MR"
    )
    named = {
        "model": hub["name"],
        "version": metadata["version"],
        "graph_sha256": digest,
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
    }
    checked = describe(parts.validation, ask(graph, parts.validation.pixels), hub, parts.training.groups)
    if asked.guard_only:
        require_same_network(before["validation"], checked)
        record = before | named | {"foreign_pictures_refused": foreigners, "validation": checked}
        record["test"]["guard"] = guarded(parts.test, ask(graph, parts.test.pixels), hub)
        record["opened"].append(f"{metadata['version']}, {named['date']}: the guard's shares alone")
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(json.dumps({"test": record["test"]["guard"], "foreign": foreigners}))
        return
    found = {
        "validation": checked,
        "test": describe(parts.test, ask(graph, parts.test.pixels), hub, parts.training.groups),
    }
    record = named | {
        "opened": [f"{metadata['version']}, {named['date']}: every figure"],
        "counted": parts.counted,
        "intervals": f"95 %; AUC and accuracy: {measures.RESAMPLES} bootstrap resamples of groups of pictures that are "
        "alike; other proportions: Wilson",
        **found,
        "foreign_pictures_refused": foreigners,
        "explanation": explanation(graph, parts.test),
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    lines = {
        f"{part}, {when} scaling": found[part]["calibration"][when]["bins"]
        for part, when in (("test", "before"), ("test", "after"), ("validation", "after"))
    }
    figure.draw(lines, FOLDER / "docs/reliability.svg", seen="share of right answers")
    print(json.dumps({name: [found[name]["macro_auc"], found[name]["accuracy"]] for name in found}))


if __name__ == "__main__":
    main()
