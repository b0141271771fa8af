"""The graph of a package, whichever of three ways it was saved: torch.export, TorchScript or ONNX."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime
import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from services.imaging.inference.screening import screen

CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Run:
    """How a graph is run.

    Attributes:
        sparing: in bfloat16 where PyTorch's autocast says that an operator bears it, otherwise in float32.
    """

    device: torch.device = CPU
    sparing: bool = False


PLAIN: Final = Run()
"""What a package's committed answer was made with."""

Graph = Callable[[Tensor], dict[str, Tensor]]
"""Float32 pictures (n, channels, rows, columns) to the outputs by their names."""


def load(path: Path, outputs: Sequence[str], run: Run = PLAIN) -> Graph:
    """Open a graph that was looked into before; its answers come as float32 on the CPU. ONNX runs plainly.

    Raises:
        Suspicious: it holds what no network needs.
        RuntimeError: the library cannot read it.
    """
    screen(path)
    try:
        opened = {".pt2": _exported, ".ts": _scripted, ".onnx": _onnx}[path.suffix](path, run)
    except Exception as error:
        raise RuntimeError(f"the graph cannot be opened: {type(error).__name__}") from error

    def ask(pictures: Tensor) -> dict[str, Tensor]:
        with torch.inference_mode(), torch.autocast(run.device.type, torch.bfloat16, enabled=run.sparing):
            answered = opened(pictures)
        if len(answered) != len(outputs):
            raise RuntimeError(f"the graph answers {len(answered)} outputs, {len(outputs)} are declared")
        return dict(zip(outputs, (answer.float().cpu() for answer in answered), strict=True))

    return ask


def _exported(path: Path, run: Run) -> Callable[[Tensor], Sequence[Tensor]]:
    program = torch.export.load(path)
    if run.device != CPU:
        program = move_to_device_pass(program, run.device)  # constants and what the graph makes, too
    module = program.module(check_guards=False)
    return lambda pictures: _several(module(pictures.to(run.device)))


def _scripted(path: Path, run: Run) -> Callable[[Tensor], Sequence[Tensor]]:
    module = torch.jit.load(str(path), map_location=run.device).eval()  # type: ignore[no-untyped-call]
    return lambda pictures: _several(module(pictures.to(run.device)))


def _onnx(path: Path, _: Run) -> Callable[[Tensor], Sequence[Tensor]]:
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = torch.get_num_threads()
    chosen.log_severity_level = 3  # errors only: its warnings are for its developers
    session = onnxruntime.InferenceSession(path.read_bytes(), chosen, providers=["CPUExecutionProvider"])
    [name] = [given.name for given in session.get_inputs()]
    return lambda pictures: [torch.from_numpy(answer) for answer in session.run(None, {name: pictures.numpy()})]


def _several(answer: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return [answer] if isinstance(answer, Tensor) else answer
