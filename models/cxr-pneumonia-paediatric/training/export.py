"""Make the package that the hub reads of the weights of this folder: graph, metadata, test picture, digests.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/export.py

What the hub needs is in the graph: the network, its evidence, and the guard's distance.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from preparation import prepare
from released import known_picture, load
from torch import Tensor

HERE = Path(__file__).parent
PACKAGE = HERE.parent


def summary(answer: Tensor) -> Any:  # noqa: ANN401 (JSON)
    """An output as the test promises it: all of it, or of a map its mean, deviation and shape."""
    values = answer.numpy()
    if values.ndim < 4:  # noqa: PLR2004 (a map has rows and columns)
        return values.tolist()
    return {"mean": float(values.mean()), "std": float(values.std()), "shape": list(values.shape)}


def declare(old: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """The metadata: MONAI's keys, and the hub's."""
    use, size = old["intended_use"], old["input"]["size"]
    plane = {"format": "magnitude", "num_channels": 1, "spatial_shape": [size, size], "dtype": "float32"}
    return {
        "version": old["version"],
        "changelog": old["changelog"],
        "monai_version": "none: MONAI is not used",
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "task": "Pneumonia or not on one frontal chest radiograph of a child",
        "description": old["title"],
        "authors": "Consilium",
        "copyright": "Apache-2.0",
        "data_source": old["training_data"]["citation"],
        "data_type": "DICOM",
        "references": ["https://doi.org/10.17632/rscbjbr9sj.2"],
        "intended_use": f"{use['purpose']} Not a certified medical device.",
        "network_data_format": {
            "inputs": {"image": {"type": "image", **plane, "modality": "CR, DX", "is_patch_data": False}},
            "outputs": {"logits": {"type": "probabilities", "format": "classes", "num_channels": 1}},
        },
        "hub": {
            "name": old["name"],
            "title": old["title"],
            "task": "classification",
            "activation": "sigmoid",
            "calibration": old["output"]["calibration"],
            "classes": [{**old["finding"], "threshold": old["output"]["threshold"], "flags": True}],
            "measure": None,
            "use": {
                "sentence": use["purpose"],
                "modalities": use["modalities"],
                "body_parts": [use["body_part"]],
                "views": use["views"],
                "age_years": use["age_years"],
                "age_reason": use["age_reason"],
                "pixel_spacing_mm": None,
                "photometric": ["MONOCHROME1", "MONOCHROME2"],
            },
            "region": {
                "text": "Lung structure",
                "codes": [{"system": "http://snomed.info/sct", "code": "39607008", "display": "Lung structure"}],
            },
            "preprocessing": [
                {"step": "grey"},
                {"step": "rescale", "low": 0, "high": 1},
                {"step": "resize", "size": [size, size], "mode": "bilinear", "antialias": True},
                {"step": "standardise"},
            ],
            "outputs": ["logits", "evidence", "distance"],
            "guard": old["guard"],
            "explanation": old["explanation"],
            "does_not_check": old["does_not_check"],
            "licence": {"weights": "Apache-2.0", "data": old["training_data"]["licence"]},
            "files": files,
            "test": {"input": "test/input.npy", "output": "test/output.json", "tolerance": 1e-3},
        },
    }


def main() -> None:
    """Write the package around this folder."""
    released = load(HERE)
    old, graph = released.metadata, released.network
    size = old["input"]["size"]
    several = {0: torch.export.Dim("n", min=1, max=64)}
    exported = torch.export.export(graph, (torch.zeros(2, 1, size, size),), dynamic_shapes=(several,))
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)  # names the files of the machine that exported
    for folder in ("configs", "models", "test"):
        (PACKAGE / folder).mkdir(exist_ok=True)
    torch.export.save(exported, PACKAGE / "models" / "model.pt2")
    picture = known_picture(old["self_check"]["rows"], old["self_check"]["columns"])
    np.save(PACKAGE / "test" / "input.npy", picture)
    with torch.inference_mode():
        answered = graph(prepare(picture, size))
    promised = dict(zip(("logits", "evidence", "distance"), map(summary, answered), strict=True))
    (PACKAGE / "test" / "output.json").write_text(json.dumps(promised, indent=1) + "\n", encoding="utf-8")
    made = {"training", "configs"}
    files = {
        path.relative_to(PACKAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file() and path.relative_to(PACKAGE).parts[0] not in made
    }
    text = json.dumps(declare(old, files), indent=1, ensure_ascii=False)
    (PACKAGE / "configs" / "metadata.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
