"""The graph of a package, whichever of three ways it was saved: torch.export, TorchScript or ONNX."""

from collections.abc import Callable, Sequence
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from services.imaging.inference.screening import screen

Graph = Callable[[Tensor], dict[str, Tensor]]
"""Float32 pictures (n, channels, rows, columns) to the outputs by their names."""


def load(path: Path, outputs: Sequence[str]) -> Graph:
    """Open a graph that was looked into before.

    Raises:
        Suspicious: it holds what no network needs.
        RuntimeError: the library cannot read it.
    """
    screen(path)
    try:
        opened = {".pt2": _exported, ".ts": _scripted, ".onnx": _onnx}[path.suffix](path)
    except Exception as error:
        raise RuntimeError(f"the graph cannot be opened: {type(error).__name__}") from error

    def run(pictures: Tensor) -> dict[str, Tensor]:
        with torch.inference_mode():
            answered = opened(pictures)
        if len(answered) != len(outputs):
            raise RuntimeError(f"the graph answers {len(answered)} outputs, {len(outputs)} are declared")
        return dict(zip(outputs, (answer.float() for answer in answered), strict=True))

    return run


def _exported(path: Path) -> Callable[[Tensor], Sequence[Tensor]]:
    module = torch.export.load(path).module(check_guards=False)
    return lambda pictures: _several(module(pictures))


def _scripted(path: Path) -> Callable[[Tensor], Sequence[Tensor]]:
    module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    return lambda pictures: _several(module(pictures))


def _onnx(path: Path) -> Callable[[Tensor], Sequence[Tensor]]:
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = torch.get_num_threads()
    chosen.log_severity_level = 3  # errors only: its warnings are for its developers
    session = onnxruntime.InferenceSession(path.read_bytes(), chosen, providers=["CPUExecutionProvider"])
    [name] = [given.name for given in session.get_inputs()]
    return lambda pictures: [torch.from_numpy(answer) for answer in session.run(None, {name: pictures.numpy()})]


def _several(answer: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return [answer] if isinstance(answer, Tensor) else answer
