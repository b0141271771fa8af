"""From a trained network to the files of a package: the exported graph, its test, and the digests of all.

After the card and the evaluation are written, run from the repository root:
    PYTHONPATH=.:models python models/learning/release.py models/NAME
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

METADATA = Path("configs/metadata.json")
UNNAMED = ("training",)
"""Folders that the hub neither copies nor reads."""


def export(network: nn.Module, example: Tensor, target: Path) -> None:
    """Write the graph with any number of pictures, but none for the shape of one; `example` holds two."""
    program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: Dim("n", min=1, max=256)},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names the files of the machine that exported
    one_number = torch.zeros(1).expand(example.shape)  # stored as one number; the drawn pictures would be megabytes
    program.example_inputs = ((one_number,), {})
    target.parent.mkdir(exist_ok=True)
    torch.export.save(program, target)


def answers(graph: nn.Module, prepared: Tensor, outputs: list[str]) -> dict[str, Any]:
    """What `test/output.json` holds: small outputs in full, maps by mean, deviation and shape."""
    with torch.inference_mode():
        said = graph(prepared)
    return {
        name: value.tolist()
        if value.ndim <= 2  # noqa: PLR2004 - rows of numbers; above it maps
        else {"mean": value.mean().item(), "std": value.std(correction=0).item(), "shape": list(value.shape)}
        for name, value in zip(outputs, said, strict=True)
    }


def write(metadata: dict[str, Any], folder: Path) -> None:
    """Write the metadata, with the SHA-256 of every other file of the package."""
    files = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and not {*UNNAMED, "__pycache__"} & set(path.relative_to(folder).parts)
    )
    metadata["hub"]["files"] = {
        path.as_posix(): hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in files if path != METADATA
    }
    (folder / METADATA).parent.mkdir(exist_ok=True)
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    package = Path(sys.argv[1])
    write(json.loads((package / METADATA).read_text(encoding="utf-8")), package)
