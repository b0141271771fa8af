"""Synthetic radiographs: repeatable, varied, and farther from every child's picture than a copy."""

import hashlib
import json

import numpy as np
import pytest

from services.simulator.radiographs import GENERATOR, LABELS, Label, draw


@pytest.mark.parametrize("label", LABELS)
def test_the_same_seed_draws_the_same_picture(label: Label) -> None:
    assert np.array_equal(draw(label, 7), draw(label, 7))


@pytest.mark.parametrize("label", LABELS)
def test_another_seed_draws_another_child(label: Label) -> None:
    difference = np.abs(draw(label, 1).astype(int) - draw(label, 2).astype(int))
    assert difference.mean() > 5


def test_a_picture_is_eight_bit_grey_and_uses_the_range() -> None:
    picture = draw("normal", 0)
    assert picture.shape == (512, 640)
    assert picture.dtype == np.uint8
    assert np.percentile(picture, 99) - np.percentile(picture, 1) > 100


def test_no_synthetic_picture_was_near_a_training_picture() -> None:
    record = json.loads((GENERATOR.parent / "fit.json").read_text(encoding="utf-8"))
    assert record["sha256"] == hashlib.sha256(GENERATOR.read_bytes()).hexdigest()
    nearest = record["synthetic_to_nearest_training_picture"]["minimum"]
    assert nearest > 0.6 * record["training_picture_to_nearest_other"]["median"]


def test_the_generator_is_data_without_code() -> None:
    with np.load(GENERATOR, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)
