"""A radiology department's own models, made on the fly: other architectures, other modalities, no code of the hub's."""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SECTIONS = (
    "Basic information",
    "Release information",
    "Model summary",
    "Uses and directions",
    "Warnings",
    "Trust ingredients",
    "Key metrics",
    "Resources",
    "Bibliography",
)
CARD = "# An invented model\n" + "".join(
    f"\n## {section}\n\nInvented for a test: it was trained on nothing and finds nothing in anybody.\n"
    for section in SECTIONS
)
EDGE = 16
SNOMED = "http://snomed.info/sct"


class Perceptron(nn.Module):
    """No convolution at all: three classes of a small grey picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(EDGE * EDGE, 8), nn.GELU(), nn.Linear(8, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, 3)."""
        answer: Tensor = self.layers(pictures)
        return answer


class Transformer(nn.Module):
    """A tiny vision transformer: patches of 4 x 4, one layer of attention, two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 4, stride=4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Logits (n, 1)."""
        tokens = self.layer(self.patches(pictures).flatten(2).transpose(1, 2))
        return (self.head(tokens.mean(dim=1)),)


class Brightness(nn.Module):
    """Segments what is brighter than half of the picture's range."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(1, 1, 1)
        with torch.no_grad():
            self.weigh.weight.fill_(40.0)
            self.weigh.bias.fill_(-20.0)  # type: ignore[union-attr]

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, 1, rows, columns)."""
        answer: Tensor = self.weigh(pictures)
        return answer


def one_by_one(one: Callable[[Any, np.ndarray], Any]) -> Callable[[Any, Sequence[np.ndarray]], list[Any]]:
    """A stand-in for a model that is asked about one picture, asked about several."""

    def said(model: Any, picture: np.ndarray) -> Any:
        try:
            return one(model, picture)
        except ValueError as error:
            return error

    return lambda model, pictures: [said(model, picture) for picture in pictures]


def export(network: nn.Module, path: Path) -> None:
    """Save a network the way that the ending of the path says."""
    torch.manual_seed(0)
    example = torch.rand(2, 1, EDGE, EDGE)
    network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".ts":
            torch.jit.save(torch.jit.trace(network, example, check_trace=False), path)  # type: ignore[no-untyped-call]
        elif path.suffix == ".onnx":
            several = {"picture": {0: "n"}, "logits": {0: "n"}}
            names = {"input_names": ["picture"], "output_names": ["logits"]}
            torch.onnx.export(network, (example,), str(path), dynamo=False, dynamic_axes=several, **names)  # type: ignore[arg-type]
        else:
            several = ({0: torch.export.Dim("n", min=1, max=8)},)
            torch.export.save(torch.export.export(network, (example,), dynamic_shapes=several), path)


def kind(text: str, code: str, *, threshold: float = 0.5, flags: bool = True) -> dict[str, Any]:
    """A class as the metadata declares it."""
    return {
        "text": text,
        "codes": [{"system": SNOMED, "code": code, "display": text}],
        "threshold": threshold,
        "flags": flags,
    }


def package(
    folder: Path,
    network: nn.Module,
    graph: str,
    *,
    version: str = "1.0.0",
    spoil: Callable[[Path], None] | None = None,
    **hub: Any,
) -> Path:
    """A whole package of an invented model.

    Args:
        graph: `model.ts`, `model.onnx` or `model.pt2`.
        spoil: is given the folder before its files' digests are taken.
        hub: changes of the metadata's key `hub`.
    """
    for part in ("configs", "models", "docs", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    export(network, folder / "models" / graph)
    picture = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    np.save(folder / "test" / "input.npy", picture)
    (folder / "docs" / "README.md").write_text(CARD)
    (folder / "docs" / "license.txt").write_text("Apache-2.0\n")
    declared = {
        "name": "invented",
        "title": "An invented model",
        "task": "classification",
        "activation": "sigmoid",
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "classes": [kind("Hydronephrosis", "43064006", threshold=0.001)],
        "measure": None,
        "use": {"sentence": "For tests.", "modalities": ["US"], "body_parts": ["KIDNEY"], "photometric": ["RGB"]},
        "region": {
            "text": "Kidney structure",
            "codes": [{"system": SNOMED, "code": "64033007", "display": "Kidney structure"}],
        },
        "preprocessing": [{"step": "grey"}, {"step": "rescale"}, {"step": "resize", "size": [EDGE, EDGE]}],
        "outputs": ["logits"],
        "does_not_check": ["anything at all"],
        "licence": {"weights": "Apache-2.0", "data": "none"},
        **hub,
    }
    (folder / "test" / "output.json").write_text(json.dumps({"logits": _answer(network, declared, picture)}))
    figures = {"model": declared["name"], "version": version, "auc": {"value": 0.5, "low": 0.4, "high": 0.6}}
    (folder / "evaluation.json").write_text(json.dumps(figures))
    if spoil:
        spoil(folder)
    seal(folder, {"version": version, "description": "An invented model", "hub": declared})
    return folder


def seal(folder: Path, metadata: dict[str, Any]) -> None:
    """Write the metadata with the digest of every file."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "metadata.json"
    }
    metadata["hub"] = {**metadata["hub"], "files": files}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))


def _answer(network: nn.Module, declared: dict[str, Any], picture: np.ndarray) -> Any:
    """What the network itself says of the prepared test picture, without the hub's loader."""
    from services.imaging.inference.steps import prepare  # noqa: PLC0415 (torch only where a package is made)
    from services.imaging.packages.metadata import Hub  # noqa: PLC0415

    steps = Hub.model_validate({**declared, "files": {}}).preprocessing
    with torch.inference_mode():
        said = network(prepare(picture, steps).values)
    logits = said[0] if isinstance(said, tuple) else said
    if logits.ndim > 2:
        values = logits.numpy()
        return {"mean": float(values.mean()), "std": float(values.std()), "shape": list(values.shape)}
    return logits.tolist()
