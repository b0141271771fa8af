"""Open the official test part once, and record what the released package says of it.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/evaluate.py --data FOLDER

`guard.py` adds what the guard says of other pictures, and how the heat map does, with the guard's limit of its day.
Refuses when these weights were evaluated before: a second look invites tuning on the test part.
"""

import argparse
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dataset
import numpy as np
import torch
from numpy.typing import NDArray
from released import Answer, Package, load

from learning import figure, measures

HERE = Path(__file__).parent
RECORD = HERE.parent / "evaluation.json"


def refuse_second_look(digest: str, *, verify: bool) -> None:
    """Stop with exit status 1 when `evaluation.json` is about these weights already."""
    if RECORD.is_file() and not verify and json.loads(RECORD.read_text(encoding="utf-8"))["weights_sha256"] == digest:
        sys.stderr.write("evaluation.json already holds the test result of these weights; --verify compares only.\n")
        raise SystemExit(1)


def describe(package: Package, pictures: dataset.Pictures, answers: list[Answer]) -> dict[str, Any]:
    """Every figure of one part of the data."""
    labels = pictures.labels
    logit = np.array([answer.logit for answer in answers])
    probability = np.array([answer.probability for answer in answers])
    positive = np.array([answer.positive for answer in answers])
    strange = np.array([not answer.familiar for answer in answers])
    persons = [dataset.person(name) for name in pictures.names]

    def against_normal(kind: str) -> dict[str, Any]:
        chosen = np.array([label == 0 or kind in name for name, label in zip(pictures.names, labels, strict=True)])
        ill = chosen & (labels == 1)
        return {
            "auc": measures.auc(logit[chosen], labels[chosen], [persons[i] for i in np.flatnonzero(chosen)]),
            "sensitivity": measures.proportion(int(positive[ill].sum()), int(ill.sum())),
        }

    def accepted(values: NDArray[Any]) -> NDArray[Any]:
        kept: NDArray[Any] = values[~strange]
        return kept

    return {
        "pictures": len(labels),
        "pneumonia": int(labels.sum()),
        "persons": len(set(persons)),
        "auc": measures.auc(logit, labels, persons),
        "operating_point": {"threshold": package.metadata["output"]["threshold"]}
        | measures.confusion(positive, labels),
        "subgroups": {f"{kind} against normal": against_normal(kind) for kind in ("bacteria", "virus")},
        "calibration": {
            "before": measures.reliability(1 / (1 + np.exp(-logit)), labels),
            "after": measures.reliability(probability, labels),
        },
        "guard": {
            "refused": measures.proportion(int(strange.sum()), len(strange)),
            "operating_point_of_accepted": measures.confusion(accepted(positive), accepted(labels)),
        },
    }


def _but_the_guard(part: dict[str, Any]) -> dict[str, Any]:
    """Its limit has changed since some of these figures were measured."""
    return {name: figures for name, figures in part.items() if name != "guard"}


def main() -> None:
    """Write `evaluation.json` and `reliability.svg`, or with --verify compare with them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--verify", action="store_true", help="repeat, and say whether the record is reproduced")
    chosen = options.parse_args()
    data = dataset.folder(chosen.data)
    package = load(HERE)
    digest = package.metadata["weights"]["sha256"]
    refuse_second_look(digest, verify=chosen.verify)

    _, validation = dataset.split(dataset.read(data, "train"))
    test = dataset.read(data, "test")
    parts = {
        name: describe(package, part, [package.read(picture) for picture in part.pixels])
        for name, part in (("validation", validation), ("test", test))
    }
    if chosen.verify:
        recorded = json.loads(RECORD.read_text(encoding="utf-8"))
        same = all(_but_the_guard(recorded[name]) == _but_the_guard(found) for name, found in parts.items())
        print("reproduced" if same else "NOT reproduced")
        raise SystemExit(0 if same else 1)
    training = json.loads((HERE / "training.json").read_text(encoding="utf-8"))
    record = {
        "model": package.metadata["name"],
        "version": package.metadata["version"],
        "opened": [f"{package.metadata['version']}: every figure"],
        "weights_sha256": digest,
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "training": training,
        "intervals": f"95 %; AUC: {measures.RESAMPLES} bootstrap resamples of persons; proportions: Wilson",
        **parts,
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    figure.draw(
        {name: part["calibration"]["after"]["bins"] for name, part in parts.items()},
        HERE.parent / "docs" / "reliability.svg",
        seen="share with pneumonia",
        radius=lambda n, _: 2 + 0.35 * math.sqrt(n),
    )
    print(json.dumps({name: parts[name]["auc"] for name in parts}))


if __name__ == "__main__":
    main()
