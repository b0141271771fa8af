"""A package that was opened: its graph, and what turns a picture into its input and its numbers into an answer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.imaging.domain.admission import GRAPHS
from services.imaging.domain.model import Model
from services.imaging.domain.volume import Grid
from services.imaging.inference import graph, volumes
from services.imaging.inference.looks import looks
from services.imaging.inference.prediction import Prediction, explain, predict
from services.imaging.inference.scan import Scan
from services.imaging.inference.steps import Prepared, prepare
from services.imaging.packages.folder import text_of
from services.imaging.packages.metadata import Metadata, model_of

LARGEST: Final = 1 << 17
"""Values of an input above which asking for several together only costs memory bandwidth (measured on a CPU)."""

Shown = NDArray[Any] | Scan
"""A picture, or a volume."""


@dataclass(frozen=True)
class Package:
    """A model that can be asked.

    Attributes:
        together: inputs that its graph is asked at once, at most; see `fitting`.
    """

    model: Model
    declared: Metadata
    graph: graph.Graph
    together: int = 1

    def read(self, picture: Shown) -> Prediction:
        """What it says of one picture, explained: (rows, columns), high is white, or (rows, columns, 3); or volume.

        Raises:
            ValueError: the picture shows nothing, or is none.
            RuntimeError: the graph failed.
        """
        [said] = self.read_all([picture])
        if isinstance(said, ValueError):
            raise said
        return said.explained()

    def read_all(self, pictures: Sequence[Shown]) -> list[Prediction | ValueError]:
        """What it says of each picture or volume, or why it says nothing of one.

        Raises:
            RuntimeError: the graph failed.
        """
        return [self._of_volume(each) for each in pictures if isinstance(each, Scan)] or self._of_pictures(
            [each for each in pictures if not isinstance(each, Scan)]
        )

    def answer(self, picture: Shown) -> dict[str, Tensor]:
        """The graph's own outputs for one picture or volume, prepared as declared; errors as of `read`."""
        if isinstance(picture, Scan):
            return volumes.answer(self.graph, picture, self.model, self.declared).outputs
        return self.graph(prepare(picture, self.declared.hub.preprocessing).values)

    def _of_volume(self, scan: Scan) -> Prediction | ValueError:
        try:
            return volumes.read(self.graph, scan, self.model, self.declared)
        except ValueError as error:
            return error

    def _of_pictures(self, pictures: Sequence[NDArray[Any]]) -> list[Prediction | ValueError]:
        prepared = [self._prepared(picture) for picture in pictures]
        answers = self._asked([each.values for each in prepared if isinstance(each, Prepared)])
        return [
            self._said(next(answers), each, picture) if isinstance(each, Prepared) else each
            for each, picture in zip(prepared, pictures, strict=True)
        ]

    def _prepared(self, picture: NDArray[Any]) -> Prepared | ValueError:
        try:
            return prepare(picture, self.declared.hub.preprocessing)
        except ValueError as error:
            return error

    def _asked(self, values: Sequence[Tensor]) -> Iterator[dict[str, Tensor]]:
        """The graph's answer to each input; inputs of one shape are asked together, as many as it may be asked."""
        for shape, alike in groupby(values, lambda each: each.shape):
            several = 1 if shape.numel() > LARGEST else self.together
            while some := list(islice(alike, several)):
                answered = self.graph(torch.cat(some))
                for number in range(len(some)):
                    yield {name: each[number : number + 1] for name, each in answered.items()}

    def _said(self, answered: dict[str, Tensor], prepared: Prepared, picture: NDArray[Any]) -> Prediction:
        said = predict(answered, prepared, picture, self.model, self.declared.hub)
        away = {} if said.distance is None else {"distance": said.distance}

        def explained() -> Prediction:
            made = explain(said, answered, prepared, picture, self.model, self.declared.hub)
            return replace(made, looks=looks(picture) | away)

        return replace(said, explain=explained)


def load(folder: Path, declared: Metadata, digest: str, run: graph.Run = graph.PLAIN) -> Package:
    """Open the package that lies in a folder and was looked at before; it is asked one picture at a time.

    Raises:
        ValueError, RuntimeError, OSError: the graph cannot be used.
    """
    [path] = [folder / path for path in GRAPHS if path in declared.hub.files]
    return Package(model_of(declared, digest), declared, graph.load(path, declared.hub.outputs, run))


def require_same_answer(opened: Package, folder: Path) -> None:
    """Let a graph speak only where it answers its test picture as it was released: other machines have other kernels.

    Raises:
        ValueError: it does not.
    """
    declared = opened.declared
    if not difference(opened.answer(picture_of(folder, declared)), folder, declared) <= declared.hub.test.tolerance:
        raise ValueError("it answers its test picture differently here")


def picture_of(folder: Path, declared: Metadata) -> Shown:
    """The package's own test picture or volume; never a pickle.

    Raises:
        ValueError: it is no array of a picture, or of a volume.
    """
    picture: NDArray[Any] = np.load(folder / declared.hub.test.input, allow_pickle=False, mmap_mode="r")
    if picture.dtype not in map(np.dtype, ("u1", "i2", "f4", "f8")) or picture.size > 1 << 26:
        raise ValueError("the test picture is not of float32, int16 or uint8, or larger than 8192 x 8192")
    if declared.hub.use.volume is None:
        return np.asarray(picture)
    if picture.ndim != 3 or min(picture.shape) < 2:  # noqa: PLR2004 (slices, rows, columns)
        raise ValueError("the test volume is not of shape (slices, rows, columns)")
    slices, rows, columns = declared.hub.test.spacing_mm
    return Scan(np.array(picture), Grid((0, 0, 0), ((0, 0, slices), (0, rows, 0), (columns, 0, 0))))


def difference(answered: Mapping[str, Tensor], folder: Path, declared: Metadata) -> float:
    """How far the answer to the test picture is from the one that the package promises.

    Raises:
        ValueError: the promise cannot be read.
    """
    promised = json.loads(text_of(folder, declared.hub.test.output))
    return max(_apart(answer.numpy(), promised.get(name)) for name, answer in answered.items())


def _apart(answer: NDArray[Any], promised: Any) -> float:  # noqa: ANN401 (JSON)
    """Largest difference of an output from what is promised: every value, or of a map its mean, deviation and shape."""
    match promised:
        case {"mean": mean, "shape": shape}:
            apart = [abs(float(answer.mean()) - mean), abs(float(answer.std()) - promised.get("std", answer.std()))]
            return float(max(apart)) if list(answer.shape) == shape else float("inf")
        case list():
            expected = np.asarray(promised, dtype=np.float64)
            return float(np.abs(answer - expected).max()) if expected.shape == answer.shape else float("inf")
        case _:
            return float("inf")
