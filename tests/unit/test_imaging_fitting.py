"""A GPU, bfloat16 and several pictures at once are used where they decide what is decided plainly, and nowhere else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from department import EDGE, Perceptron, Transformer, kind, package
from numpy.typing import NDArray
from pydicom import dcmread
from torch import Tensor, nn

from services.imaging import files
from services.imaging.dicom import header, pixels
from services.imaging.domain.admission import METADATA
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import Model
from services.imaging.domain.reading import best
from services.imaging.inference import fitting
from services.imaging.inference import package as packages
from services.imaging.inference.graph import Run
from services.imaging.inference.package import Package
from services.imaging.inference.prediction import Prediction
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, parse
from services.imaging.settings import SHIPPED
from services.imaging.tasks import reading
from services.simulator import instances
from services.simulator.domain import examination

SPARING = Run(sparing=True)
"""Bfloat16 on the CPU stands in for bfloat16 on a GPU: the same rounding, the same check."""


class Fine(nn.Module):
    """Decides by the third digit of a weight, which bfloat16 does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Linear(2, 1)
        with torch.no_grad():
            self.weigh.weight.copy_(torch.tensor([[1001.0, -1000.0]]))
            self.weigh.bias.zero_()

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, 1): the mean, and at least 1."""
        mean = pictures.mean(dim=(2, 3)) + 1
        answer: Tensor = self.weigh(torch.cat([mean, mean], dim=1))
        return answer


class Together(nn.Module):
    """What it says of a picture depends on those beside it."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, 1)."""
        means = pictures.mean(dim=(2, 3))
        return means - means.mean()


def fitted(folder: Path, runs: Sequence[Run] = ()) -> tuple[Package, Package]:
    """As it is run here, and plainly."""
    declared = parse((folder / METADATA).read_text())
    assert isinstance(declared, Metadata)
    digest = digest_of(folder / METADATA)
    return fitting.fit(folder, declared, digest, runs), packages.load(folder, declared, digest)


def pictures(count: int) -> list[np.ndarray]:
    """Of several sizes, not all alike."""
    drawn = np.random.default_rng(5)
    return [drawn.normal(90, 25, (180 + 20 * (number % 3 == 0), 220)).astype(np.float32) for number in range(count)]


@pytest.mark.parametrize("name", ["brain-mr-tumour", "cxr-pneumonia-paediatric"])
def test_several_pictures_at_once_get_the_answers_that_each_gets_alone(name: str) -> None:
    together, alone = fitted(SHIPPED / name)
    assert together.together == fitting.TOGETHER
    shown = [*pictures(11), np.zeros((180, 220), np.float32)]
    for said, picture in zip(together.read_all(shown), shown, strict=True):
        [one] = alone.read_all([picture])
        if isinstance(one, ValueError) or isinstance(said, ValueError):
            assert (type(one), str(one)) == (type(said), str(said))
            continue
        assert said.scores == pytest.approx(one.scores, abs=1e-5)
        assert best(said.scores, together.model) == best(one.scores, alone.model)
        assert said.familiar == one.familiar
        assert said.explained().heat == pytest.approx(one.explained().heat, abs=1e-4)


def drawn_into(store: Path, count: int) -> list[Instance]:
    """A study of radiographs of which the fifth shows pneumonia."""
    now = datetime.now(UTC)
    study = []
    for number in range(count):
        drawn = instances.part10(examination(7, number, now, "pneumonia" if number == 4 else "normal", "stat", "files"))
        kept = files.write(store, drawn)
        study.append(header.describe(dcmread(BytesIO(drawn)), kept.digest, kept.size))
    return study


def test_a_study_read_several_at_once_is_answered_as_one_by_one(tmp_path: Path) -> None:
    together, alone = fitted(SHIPPED / "cxr-pneumonia-paediatric")
    study = drawn_into(tmp_path, 10)
    read = [
        reading.read(study, each.model, lambda _, shown, each=each: each.read_all(shown), tmp_path)
        for each in (together, alone)
    ]
    one, other = (each.finding for each in read if isinstance(each, reading.Reading))
    assert one.opinion.scores == pytest.approx(other.opinion.scores, abs=1e-5)
    assert (one.category, one.flagged, one.coverage) == (other.category, other.flagged, other.coverage)
    assert one.coverage.undecodable == 0
    assert one.opinion.instance == other.opinion.instance == study[4]


def test_a_heat_map_is_made_of_the_picture_that_counts_and_of_no_other(tmp_path: Path) -> None:
    opened, _ = fitted(SHIPPED / "cxr-pneumonia-paediatric")
    study = drawn_into(tmp_path, 9)
    made: list[int] = []

    def predict(_: Model, shown: Sequence[NDArray[Any]]) -> list[Prediction | ValueError]:
        return [noted(each, len(shown)) for each in opened.read_all(shown)]

    def noted(said: Prediction | ValueError, together: int) -> Prediction | ValueError:
        assert not isinstance(said, ValueError)
        assert said.heat is None

        def explained() -> Prediction:
            made.append(together)
            return said.explained()

        return replace(said, explain=explained)

    answer = reading.read(study, opened.model, predict, tmp_path)
    assert isinstance(answer, reading.Reading)
    assert made == [fitting.TOGETHER]
    alone = opened.read(pixels.picture(files.path_of(tmp_path, study[4].digest)))
    assert answer.told.heat == pytest.approx(alone.heat, abs=1e-4)
    assert answer.finding.opinion.region == pytest.approx(alone.region, abs=0.01)
    assert answer.finding.opinion.looks == pytest.approx(alone.looks, abs=1e-3)


def test_a_model_that_looks_at_its_neighbours_is_asked_one_picture_at_a_time(tmp_path: Path) -> None:
    several, _ = fitted(package(tmp_path, Together(), "model.ts"))
    assert several.together == 1


def test_a_large_input_is_asked_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LARGEST", EDGE * EDGE - 1)
    several, _ = fitted(package(tmp_path, Perceptron(), "model.pt2", **THREE))
    assert several.together == 1


def test_a_model_is_run_in_bfloat16_where_it_decides_the_same(tmp_path: Path) -> None:
    folder = package(tmp_path, Transformer(), "model.pt2")
    sparing, plain = fitted(folder, [SPARING])
    [picture] = pictures(1)
    assert sparing.read(picture).scores != plain.read(picture).scores
    assert sparing.read(picture).scores == pytest.approx(plain.read(picture).scores, abs=fitting.CLOSE)


def test_a_model_whose_decision_would_flip_stays_in_float32(tmp_path: Path) -> None:
    changes: Any = {"classes": [kind("Fine", "1")], "calibration": {"slope": 1.0, "intercept": -0.5}}
    folder = package(tmp_path, Fine(), "model.pt2", **changes)
    sparing, plain = fitted(folder, [SPARING])
    [picture] = pictures(1)
    assert sparing.read(picture).scores == plain.read(picture).scores
    halved = packages.load(folder, plain.declared, plain.model.digest, SPARING)
    assert best(halved.read(picture).scores, plain.model) != best(plain.read(picture).scores, plain.model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["brain-mr-tumour", "cxr-pneumonia-paediatric", "retina-vessels"])
def test_a_gpu_decides_as_the_processor_does(name: str) -> None:
    on_gpu, plain = fitted(SHIPPED / name, fitting.gpu())
    for picture in pictures(4):
        shown = np.stack([picture] * 3, axis=2) if name.startswith("retina") else picture
        one, other = on_gpu.read(shown), plain.read(shown)
        assert one.scores == pytest.approx(other.scores, abs=fitting.CLOSE)
        assert best(one.scores, plain.model) == best(other.scores, plain.model)


THREE: dict[str, Any] = {
    "activation": "softmax",
    "calibration": {"temperature": 1.0},
    "classes": [
        {"text": text, "codes": [{"system": "x", "code": text, "display": text}], "threshold": 0.5, "flags": True}
        for text in ("one", "two", "three")
    ],
}
