"""A hospital's own model of volumes, made on the fly of the metadata that docs/models.md shows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from department import CARD, seal
from torch import Tensor, nn

DOCUMENTED = Path(__file__).parents[1] / "docs" / "models.md"
EDGE = 0.7104
"""Between body and ball in the documented window: 100 HU."""


class BallFinder(nn.Module):
    """A small network of 3-D convolutions that was set by hand: background, and what is brighter than the body."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv3d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
        self.tell = nn.Conv3d(1, 2, 1)
        with torch.no_grad():
            self.smooth.weight.zero_()
            self.smooth.weight[0, 0, 1, 1, 1] = 0.5
            for axis in range(3):
                for place in (0, 2):
                    index = [1, 1, 1]
                    index[axis] = place
                    self.smooth.weight[0, 0, *index] = 0.5 / 6
            self.tell.weight[:] = torch.tensor([-40.0, 40.0]).view(2, 1, 1, 1, 1)
            self.tell.bias[:] = torch.tensor([40.0 * EDGE, -40.0 * EDGE])  # type: ignore[index]

    def forward(self, volumes: Tensor) -> Tensor:
        """Logits (n, 2, first, second, third)."""
        answer: Tensor = self.tell(self.smooth(volumes))
        return answer


class Brightest(nn.Module):
    """Tells by its brightest place whether there is a ball, and shows that place."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.AvgPool3d(5, stride=1, padding=2, count_include_pad=True)

    def forward(self, volumes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, 1), evidence (n, 1, first, second, third)."""
        found = 40 * (self.smooth(volumes) - EDGE)
        return found.amax(dim=(2, 3, 4)), found


class Anywhere(Brightest):
    """The same without a place: asked by patches, the patch is the place."""

    def forward(self, volumes: Tensor) -> Tensor:  # type: ignore[override]
        """Logits (n, 1)."""
        return super().forward(volumes)[0]


def documented() -> dict[str, Any]:
    """The metadata as the documentation shows it."""
    found = re.search(r"^```json\n(.+?)^```", DOCUMENTED.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return dict(json.loads(found[1]))


def volume_package(
    folder: Path,
    network: nn.Module | None = None,
    graph: str = "model.ts",
    change: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Path:
    """A whole package; `change` is given the documented metadata before it is written."""
    network, metadata = network or BallFinder(), documented()
    change(metadata)
    for part in ("configs", "models", "docs", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    export(network.eval(), folder / "models" / graph, metadata)
    (folder / "docs" / "README.md").write_text(CARD)
    (folder / "docs" / "license.txt").write_text("Apache-2.0\n")
    volume = np.fromfunction(lambda k, j, i: 10 * k - 5 * j + 3 * i, (24, 30, 36)).astype(np.int16)
    np.save(folder / "test" / "input.npy", volume)
    named = {"model": metadata["hub"]["name"], "version": metadata["version"]}
    (folder / "evaluation.json").write_text(json.dumps(named | {"dice": {"value": 0.9, "low": 0.8, "high": 0.95}}))
    (folder / "test" / "output.json").write_text(json.dumps(_answer(network, metadata, volume)))
    seal(folder, metadata)
    return folder


def export(network: nn.Module, path: Path, metadata: dict[str, Any]) -> None:
    """Save a network as TorchScript or ONNX."""
    shape = metadata["network_data_format"]["inputs"]["image"]["spatial_shape"]
    example = torch.rand(1, 1, *(shape or (24, 24, 24)))
    if path.suffix == ".ts":
        torch.jit.save(torch.jit.trace(network, example), path)  # type: ignore[no-untyped-call]
        return
    sizes = {2: "first", 3: "second", 4: "third"}
    torch.onnx.export(
        network,
        (example,),
        str(path),
        dynamo=False,
        input_names=["volume"],
        output_names=metadata["hub"]["outputs"],
        dynamic_axes={"volume": sizes, "evidence": sizes},
    )


def _answer(network: nn.Module, metadata: dict[str, Any], volume: np.ndarray) -> dict[str, Any]:
    """What the network says of the test volume, prepared as MONAI would: by hand, without the hub's steps.

    The test volume has the declared spacing and runs left, back and head; RAS turns its first two axes.
    """
    [window] = [step for step in metadata["hub"]["preprocessing"] if step["step"] == "window"]
    values = torch.from_numpy(volume.transpose(2, 1, 0)[::-1, ::-1].copy()).float()
    values = ((values - window["lowest"]) / (window["highest"] - window["lowest"])).clamp(0, 1)
    with torch.inference_mode():
        said = network(_patch(values, metadata)[None, None])
    answered = dict(zip(metadata["hub"]["outputs"], said if isinstance(said, tuple) else [said], strict=True))
    return {name: _told(answer, values) for name, answer in answered.items()}


def _patch(values: Tensor, metadata: dict[str, Any]) -> Tensor:
    image = metadata["network_data_format"]["inputs"]["image"]
    if not image["is_patch_data"]:
        return values
    padded = torch.zeros(image["spatial_shape"])
    first, second, third = values.shape
    padded[:first, :second, :third] = values
    return padded


def _told(answer: Tensor, values: Tensor) -> Any:
    if answer.ndim == 2:
        return answer.tolist()
    first, second, third = values.shape
    shown = answer[..., :first, :second, :third]
    return {"mean": float(shown.mean()), "std": float(shown.numpy().std()), "shape": list(shown.shape)}
