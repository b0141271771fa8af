"""Geometry of volumes against answers known beforehand: what a stack is, where voxels lie, the way there and back."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantom import Phantom, content, turned
from volumetric import documented

from services.imaging.dicom import header, slices
from services.imaging.domain.model import VolumeUse
from services.imaging.domain.reading import Refusal
from services.imaging.domain.series import readable
from services.imaging.domain.volume import Grid, Plane, arrange
from services.imaging.inference.extent import longest
from services.imaging.inference.patches import blended, corners
from services.imaging.inference.scan import Placed, Scan, matrix_of, sampled
from services.imaging.inference.space import prepare
from services.imaging.packages.metadata import Metadata, parse
from services.imaging.packages.volume import CropOrPad, Orient, ResizeVolume, Respace, Window

AXIAL = Grid((0.0, 0.0, 0.0), ((0.0, 0.0, 3.0), (0.0, 2.0, 0.0), (1.0, 0.0, 0.0)))
"""Head up, 3 mm; rows to the back, 2 mm; columns to the left, 1 mm."""
OBLIQUE = turned(35, -20, 50)


def planes(phantom: Phantom, folder: Path) -> list[Plane]:
    found: list[Plane] = []
    for number, made in enumerate(phantom.slices()):
        path = folder / f"{number}.dcm"
        path.write_bytes(content(made))
        placed = slices.planes(header.parse(path, "0" * 64, 1), path)
        assert not isinstance(placed, Refusal)
        found += placed
    return found


@pytest.mark.parametrize("axes", [turned(0, 0, 0), turned(90, 0, 0), turned(0, 90, 0), turned(180, 0, 20), OBLIQUE])
def test_slices_of_any_orientation_are_put_where_they_lie(axes: np.ndarray, tmp_path: Path) -> None:
    phantom = Phantom(axes=axes, shape=(12, 10, 8))
    arranged = arrange(planes(phantom, tmp_path))
    assert not isinstance(arranged, Refusal)
    placed, grid = arranged
    found, expected_corners = [plane.corner for plane in placed], [phantom.corner(at) for at in range(8)]
    assert np.allclose(found, expected_corners, atol=1e-3)
    assert grid.spacing == pytest.approx((2.5, 1.5, 1.2), abs=1e-4)
    expected = phantom.corner(3) + axes @ (np.array([5, 4, 0]) * phantom.spacing)
    assert grid.point((3, 4, 5)) == pytest.approx(tuple(expected), abs=1e-3)
    assert grid.millilitres == pytest.approx(1.2 * 1.5 * 2.5 / 1000, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"across": (0.0, 1.0, 0.0), "down": (1.0, 0.0, 0.0)}, "slices of different orientations"),
        ({"spacing": (1.5, 1.3)}, "slices of different pixel spacing"),
        ({"reference": "1.2.3"}, "several frames of reference"),
        ({"corner": (0.0, 9.0, -1.25)}, "lies beside the others"),
    ],
)
def test_one_slice_that_is_not_like_the_others_is_named(change: dict[str, object], why: str, tmp_path: Path) -> None:
    found = planes(Phantom(shape=(12, 10, 8)), tmp_path)
    found.sort(key=lambda plane: plane.corner[2])
    found[3] = found[3]._replace(**change)
    said = arrange(found)
    assert isinstance(said, Refusal)
    assert why in said.text


def test_a_volume_too_large_is_refused_before_a_voxel_is_read(tmp_path: Path) -> None:
    found = [
        plane._replace(instance=replace(plane.instance, rows=8192, columns=8192))
        for plane in planes(Phantom(shape=(12, 10, 8)), tmp_path)
    ]
    said = arrange(found)
    assert isinstance(said, Refusal)
    assert said.text == "no volume: more than 268 million voxels"


def ramp() -> Scan:
    """The value of each voxel says where it is: slice, row, column as digits."""
    return Scan(np.fromfunction(lambda k, j, i: 100 * k + 10 * j + i, (4, 5, 6)).astype(np.int16), AXIAL)


@pytest.mark.parametrize(
    ("axes", "first", "at"),
    [("LPS", 0, (0, 0, 0)), ("RAS", 45, (5, 8, 0)), ("RPI", 305, (5, 0, 9)), ("SLA", 40, (0, 8, 0))],
)
def test_the_declared_orientation_turns_axes_and_keeps_places(
    axes: str, first: int, at: tuple[float, float, float]
) -> None:
    made = prepare(ramp(), [Orient(step="orient", axes=axes)])
    assert float(made.values[0, 0, 0]) == first
    assert tuple(made.matrix[:3, 3]) == at
    for index in ((1, 2, 3), (0, 1, 2)):
        place = made.matrix @ [*index, 1]
        k, j, i = (round(float(value)) for value in (np.linalg.inv(matrix_of(AXIAL)) @ place)[:3])
        assert float(made.values[index]) == 100 * k + 10 * j + i


def test_resampling_a_ramp_gives_the_ramp() -> None:
    made = prepare(ramp(), [Orient(step="orient", axes="LPS"), Respace(step="spacing", mm=(0.5, 1.0, 1.0))])
    assert made.values.shape == (11, 9, 10)
    assert float(made.values[3, 3, 4]) == pytest.approx(1.5 + 10 * 1.5 + 100 * 4 / 3, abs=1e-3)


@pytest.mark.parametrize(
    "step", [CropOrPad(step="crop-or-pad", size=(4, 8, 5)), ResizeVolume(step="resize-volume", size=(12, 10, 8))]
)
def test_whatever_the_steps_do_a_place_finds_its_way_back(step: CropOrPad | ResizeVolume) -> None:
    made = prepare(ramp(), [Orient(step="orient", axes="RAS"), step])
    back = sampled(made, matrix_of(AXIAL), (4, 5, 6), outside=-1.0)
    middle = (slice(1, 3), slice(1, 4), slice(2, 4))
    assert np.allclose(back.numpy()[middle], ramp().values[middle], atol=1e-3)
    if isinstance(step, CropOrPad):
        assert float(back[0, 0, 0]) == -1.0  # cut away: nothing is known there


def test_a_window_cuts_and_maps_as_monai_does() -> None:
    window = Window(step="window", lowest=100, highest=300, low=-1, high=1)
    made = prepare(ramp(), [Orient(step="orient", axes="LPS"), window])
    assert made.values.min() == -1
    assert made.values.max() == 1
    assert float(made.values[0, 0, 2]) == pytest.approx(0.0)


def test_slabs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Placed(torch.rand(9, 8, 7), np.eye(4))
    matrix = np.eye(4)
    matrix[:3, :3] = turned(10, 20, 30) * 0.7
    whole = sampled(source, matrix, (12, 11, 10))
    monkeypatch.setattr("services.imaging.inference.scan.SLAB", 1)
    assert torch.allclose(sampled(source, matrix, (12, 11, 10)), whole, atol=1e-5)


@pytest.mark.parametrize("blend", ["constant", "gaussian"])
def test_patches_cover_everything_and_blend_to_what_the_whole_says(blend: str) -> None:
    begins = corners((10, 7, 4), (4, 4, 4), 0.5)
    assert max(begins) == (6, 3, 0)
    values = torch.rand(10, 7, 3)
    said = blended(lambda given: {"logits": torch.cat([given, -given], dim=1)}, values, (4, 4, 4), 0.5, blend)
    assert torch.allclose(said, torch.stack([values, -values]), atol=1e-5)


def test_the_largest_extent_is_a_diagonal_where_that_is_the_longest() -> None:
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[1, 1, 1] = mask[4, 5, 3] = 1
    assert longest(mask, matrix_of(AXIAL)) == pytest.approx(math.dist((1, 2, 3), (3, 10, 12)), rel=0.005)
    assert longest(np.zeros((2, 2, 2), np.uint8), np.eye(4)) == 0.0


def test_the_longest_series_comes_first(tmp_path: Path) -> None:
    phantom = Phantom(shape=(12, 10, 3))
    found = [plane.instance for plane in planes(phantom, tmp_path)]
    longer = [replace(one, series="9.9") for one in found] + [replace(found[0], series="9.9", uid="9.9.9")]
    said = readable([*found, *longer], VolumeUse(2))
    assert not isinstance(said, Refusal)
    assert [one.series for one in said] == ["9.9"] * 4 + [phantom.series] * 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: m["hub"].pop("patches"), "is_patch_data must be true with hub.patches"),
        (lambda m: m.pop("network_data_format"), "network_data_format.inputs must hold the one image"),
        (lambda m: m["hub"]["preprocessing"].pop(0), "the first step of a volume is orient"),
        (lambda m: m["hub"]["preprocessing"].append({"step": "green"}), "a volume knows no step green"),
        (lambda m: m["hub"]["measure"].update(unit="%", of="picture"), "a volume is measured in ml"),
        (lambda m: m["hub"]["use"].pop("volume"), "orient, spacing, window needs hub.use.volume"),
        (lambda m: m["hub"]["preprocessing"][0].update(axes="RLS"), "name each of left or right"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_in_words(spoil: object, said: str) -> None:
    metadata = documented()
    spoil(metadata)  # type: ignore[operator]
    found = parse(json.dumps(metadata))
    assert not isinstance(found, Metadata)
    assert any(said in problem.what for problem in found), found
