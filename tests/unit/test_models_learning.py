"""What the training scripts share tells right from wrong: copies, figures, and heat maps that explain nothing."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from learning import guard, measures, sanity

DATASET = Path(__file__).parents[2] / "models" / "brain-mr-tumour" / "training" / "dataset.py"
SIZE, SQUARE = 64, 16


@pytest.fixture(scope="module")
def dataset() -> ModuleType:
    spec = importlib.util.spec_from_file_location("brain_mr_dataset", DATASET)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _slices(number: int) -> np.ndarray:
    """Smooth pictures that have nothing in common."""
    small = np.random.default_rng(number).random((number, 6, 6))
    return (np.kron(small, np.ones((8, 8))) * 255).astype(np.uint8)


def test_mirrored_and_brightened_copies_in_the_training_folder_never_meet_the_test_folder(dataset: ModuleType) -> None:
    slices = _slices(40)
    copies = np.stack([slices[0][:, ::-1], np.rot90(slices[1], 2), (slices[2] * 0.6 + 40).astype(np.uint8)])
    names = [f"Testing/glioma/Te-gl_{i:04d}.jpg" for i in range(3)]
    names += [f"Training/glioma/Tr-gl_{i:04d}.jpg" for i in range(40)]
    pixels = np.concatenate([slices[:3], copies, slices[3:]])
    everything = dataset.Pictures(names, pixels, np.zeros(43, dtype=np.int64), np.arange(43))

    parts = dataset.divide(everything)

    left = {*parts.training.names, *parts.validation.names}
    assert left == set(names[6:])
    assert parts.test.names == names[:3]
    assert parts.counted["copies: test pictures with one in Training"] == 3
    assert parts.counted["byte-equal pixels: different test pictures also in Training"] == 0


def test_of_several_copies_in_the_training_folder_one_stays(dataset: ModuleType) -> None:
    slices = _slices(20)
    names = [f"Training/glioma/Tr-gl_{i:04d}.jpg" for i in range(21)]
    pixels = np.concatenate([slices, slices[:1, ::-1]])
    parts = dataset.divide(dataset.Pictures(names, pixels, np.zeros(21, dtype=np.int64), np.arange(21)))
    assert sorted(parts.training.names + parts.validation.names) == names[:20]


def test_the_area_under_the_curve_counts_ties_by_half() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.9])
    assert measures.area(scores, np.array([False, False, True, True])) == pytest.approx(0.875)


def test_the_distance_grows_along_the_direction_in_which_training_pictures_are_alike() -> None:
    precision = torch.diag(torch.tensor([1.0, 100.0]))
    features, means = torch.tensor([[3.0, 0.0], [0.0, 3.0], [10.0, 0.0]]), torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    found = guard.nearest(features, means, precision)
    assert found.tolist() == pytest.approx([3.0, 30.0, 0.0])


def _spotted() -> tuple[Tensor, Tensor]:
    """Grey discs with one bright square each, and maps that mark it."""
    row, column = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    disc = ((row - 32) ** 2 + (column - 32) ** 2 < 28**2).float()
    pictures = disc.repeat(4, 1, 1, 1) - 0.5
    maps = torch.zeros(4, 8, 8)
    for i, (r, c) in enumerate([(16, 24), (24, 40), (40, 24), (32, 16)]):
        pictures[i, 0, r : r + 8, c : c + 8] = 3
        maps[i, r // 8, c // 8] = 1
    return pictures, maps


def _brightest(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """A score that only the bright square decides."""
    return pictures.amax(dim=(2, 3)), pictures


def test_hiding_what_a_right_map_marks_lowers_the_score_more() -> None:
    pictures, maps = _spotted()
    falls = sanity.occlusion(_brightest, pictures, [0] * 4, maps, SQUARE)
    assert len(falls) == 4
    assert all(fall["marked"] > fall["elsewhere"] for fall in falls)


def test_a_map_that_marks_another_place_fails() -> None:
    pictures, maps = _spotted()
    falls = sanity.occlusion(_brightest, pictures, [0] * 4, maps.flip(1, 2), SQUARE)
    assert not any(fall["marked"] > fall["elsewhere"] for fall in falls)


def test_maps_that_do_not_depend_on_the_weights_are_found_alike() -> None:
    _, maps = _spotted()
    assert sanity.likeness(maps, 2 * maps + 1).tolist() == pytest.approx([1.0] * 4)
    assert sanity.likeness(maps, maps.flip(1)).max() < 0.1


def test_the_limit_has_the_same_room_to_what_is_known_and_to_the_nearest_foreign_set() -> None:
    strange = {"near": torch.linspace(16, 26, 101), "far": torch.linspace(40, 60, 101)}  # 5 % of `near` within 16.5
    limit = guard.halfway(4.0, strange)
    assert limit / 4.0 == pytest.approx(16.5 / limit, rel=1e-3)
    with pytest.raises(ValueError, match="no limit parts them"):
        guard.halfway(17.0, strange)
