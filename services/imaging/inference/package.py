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
from services.imaging.inference import graph
from services.imaging.inference.looks import looks
from services.imaging.inference.prediction import Prediction, explain, predict
from services.imaging.inference.steps import Prepared, prepare
from services.imaging.packages.folder import text_of
from services.imaging.packages.metadata import Metadata, model_of

LARGEST: Final = 1 << 17
"""Values of an input above which asking for several together only costs memory bandwidth (measured on a CPU)."""


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

    def read(self, picture: NDArray[Any]) -> Prediction:
        """What it says of one picture, explained: shape (rows, columns), high is white, or (rows, columns, 3).

        Raises:
            ValueError: the picture shows nothing, or is none.
            RuntimeError: the graph failed.
        """
        [said] = self.read_all([picture])
        if isinstance(said, ValueError):
            raise said
        return said.explained()

    def read_all(self, pictures: Sequence[NDArray[Any]]) -> list[Prediction | ValueError]:
        """What it says of each picture, or why it says nothing of one.

        Raises:
            RuntimeError: the graph failed.
        """
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
    values = prepare(picture_of(folder, declared), declared.hub.preprocessing).values
    if not difference(opened.graph(values), folder, declared) <= declared.hub.test.tolerance:
        raise ValueError("it answers its test picture differently here")


def picture_of(folder: Path, declared: Metadata) -> NDArray[Any]:
    """The package's own test picture; never a pickle.

    Raises:
        ValueError: it is no array of a picture.
    """
    picture: NDArray[Any] = np.load(folder / declared.hub.test.input, allow_pickle=False, mmap_mode="r")
    if picture.dtype not in {np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64)} or picture.size > 1 << 26:
        raise ValueError("the test picture is not of float32 or uint8, or larger than 8192 x 8192")
    return np.asarray(picture)


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
