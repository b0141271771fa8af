"""Declared steps, calibration, masks and maps: what turns a graph's numbers into an answer about a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from department import EDGE, Brightness, Perceptron, kind, package
from pydantic import TypeAdapter

from services.imaging.domain.admission import METADATA
from services.imaging.inference import masks
from services.imaging.inference import package as packages
from services.imaging.inference.heatmap import enlarged
from services.imaging.inference.package import Package
from services.imaging.inference.prediction import calibrate
from services.imaging.inference.steps import prepare
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Calibration, Metadata, Step, parse


def prepared(picture: np.ndarray, *declared: dict[str, Any]) -> Any:
    return prepare(picture, TypeAdapter(list[Step]).validate_python(list(declared)))


def opened(folder: Path) -> Package:
    declared = parse((folder / METADATA).read_text())
    assert isinstance(declared, Metadata)
    return packages.load(folder, declared, digest_of(folder / METADATA))


COLOUR = np.stack([np.full((4, 6), value, np.float32) for value in (100, 200, 50)], axis=2)


def test_colour_becomes_grey_by_its_luma_and_grey_becomes_three_channels() -> None:
    assert prepared(COLOUR, {"step": "grey"}).values.unique().item() == pytest.approx(0.299 * 100 + 0.587 * 200 + 5.7)
    assert prepared(COLOUR, {"step": "green"}).values.unique().item() == 200
    assert prepared(COLOUR[..., 0], {"step": "rgb"}).values.shape == (1, 3, 4, 6)
    with pytest.raises(ValueError, match="no colour"):
        prepared(COLOUR[..., 0], {"step": "green"})


def test_numbers_are_divided_rescaled_standardised_and_normalised() -> None:
    picture = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert prepared(picture, {"step": "divide", "by": 23}).values.max() == 1
    scaled = prepared(picture, {"step": "rescale", "low": -1, "high": 1}).values
    assert (float(scaled.min()), float(scaled.max())) == (-1, 1)
    standard = prepared(picture, {"step": "standardise"}).values
    assert (float(standard.mean()), float(standard.std())) == pytest.approx((0, 1), abs=1e-6)
    normal = prepared(COLOUR, {"step": "normalise", "mean": [100, 200, 50], "deviation": [1, 1, 1]}).values
    assert float(normal.abs().max()) == 0


def test_a_padded_and_resized_picture_finds_its_way_back() -> None:
    picture = np.zeros((40, 80), np.float32)
    picture[10:20, 60:70] = 1
    made = prepared(picture, {"step": "pad-square"}, {"step": "resize", "size": [EDGE, EDGE]})
    assert made.values.shape == (1, 1, EDGE, EDGE)
    back = enlarged(made.values[0], made, (40, 80))[0].numpy()
    assert back.shape == (40, 80)
    row, column = np.unravel_index(back.argmax(), back.shape)
    assert 8 <= row < 22
    assert 58 <= column < 72


def test_a_softmax_is_made_milder_by_its_temperature_and_sums_to_one() -> None:
    logits = torch.tensor([3.0, 1.0, 0.0])
    sharp, mild = (calibrate(logits, Calibration(temperature=t), "softmax") for t in (1.0, 4.0))
    assert float(sharp.sum()) == pytest.approx(1)
    assert mild[0] < sharp[0]


def test_of_several_classes_each_has_its_probability(tmp_path: Path) -> None:
    classes = [kind("One", "1"), kind("Two", "2"), kind("Nothing", "3", flags=False)]
    changes: Any = {"classes": classes, "activation": "softmax", "calibration": {"temperature": 2.0}}
    said = opened(package(tmp_path, Perceptron(), "model.pt2", **changes)).read(np.eye(30) * 255)
    assert len(said.scores) == 3
    assert sum(said.scores) == pytest.approx(1)
    assert said.heat is None


def test_a_segmentation_measures_its_mask_in_the_field_of_view(tmp_path: Path) -> None:
    measure = {"text": "Bright area", "unit": "%", "of": "field of view", "codes": [{"system": "x", "code": "1"}]}
    bright = [kind("Bright", "1", flags=False)]
    changes: Any = {"task": "segmentation", "classes": bright, "measure": measure}
    picture = np.zeros((64, 64), np.float32)
    picture[16:48, 16:48] = 80  # the field of view: a quarter of the picture
    picture[16:48, 16:32] = 255  # and half of it is bright
    said = opened(package(tmp_path, Brightness(), "model.ts", **changes)).read(picture)
    assert said.mask is not None
    assert said.mask.shape == (64, 64)
    assert said.mask[32, 20] == 1
    assert said.mask[32, 44] == 0
    assert said.measure == pytest.approx(50, abs=8)
    assert np.array_equal(masks.from_bytes(masks.to_bytes(said.mask)), said.mask)
