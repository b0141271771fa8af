"""The released retina model is what its metadata and its evaluation say, on this machine and a real photograph too."""

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from torch import Tensor
from torch.nn import functional

from learning import phantom, release, sanity
from learning.pictures import squared

FOLDER = Path(__file__).parents[2] / "models" / "retina-vessels"


@pytest.fixture(scope="module")
def hub() -> dict[str, Any]:
    declared: dict[str, Any] = json.loads((FOLDER / "configs/metadata.json").read_text(encoding="utf-8"))["hub"]
    return declared


@pytest.fixture(scope="module")
def graph() -> torch.nn.Module:
    return torch.export.load(FOLDER / "models/model.pt2").module()


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    return found


def _skimage(name: str) -> np.ndarray:
    """A picture that comes with scikit-image, read without importing the library."""
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        pytest.skip("scikit-image is not installed (extra `test`)")
    with Image.open(Path(found.submodule_search_locations[0]) / "data" / name) as picture:
        return np.asarray(picture.convert("RGB"))


def _prepared(pixels: np.ndarray) -> Tensor:
    return squared(pixels, 640) / 255


def _vessels(logits: Tensor, hub: dict[str, Any]) -> np.ndarray:
    line = hub["calibration"]
    probability = torch.sigmoid(line["slope"] * logits + line["intercept"])
    drawn: np.ndarray = (probability[0, 0] >= hub["classes"][0]["threshold"]).numpy()
    return drawn


def test_every_file_has_the_digest_that_the_metadata_names(hub: dict[str, Any]) -> None:
    for path, digest in hub["files"].items():
        assert hashlib.sha256((FOLDER / path).read_bytes()).hexdigest() == digest, path
    assert {"models/model.pt2", "evaluation.json", "docs/README.md", "docs/license.txt", "LICENSE-DATA.md"} <= set(
        hub["files"]
    )


def test_the_graph_answers_the_packages_own_test(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    promised = json.loads((FOLDER / hub["test"]["output"]).read_text(encoding="utf-8"))
    answered = release.answers(graph, _prepared(np.load(FOLDER / hub["test"]["input"])), hub["outputs"])
    for figure in ("mean", "std", "shape"):
        assert answered["logits"][figure] == pytest.approx(promised["logits"][figure], abs=hub["test"]["tolerance"])
    assert answered["distance"] == pytest.approx(promised["distance"], abs=hub["test"]["tolerance"])


def test_the_evaluation_is_of_this_graph_and_its_children_are_in_one_part_only(
    evaluation: dict[str, Any], hub: dict[str, Any]
) -> None:
    assert evaluation["graph_sha256"] == hub["files"]["models/model.pt2"]
    children = [child for part in evaluation["children"].values() for child in part]
    assert sorted(children) == list(range(1, 15))


def test_the_card_gives_the_evaluations_figures(evaluation: dict[str, Any]) -> None:
    card = (FOLDER / "docs/README.md").read_text(encoding="utf-8")
    for part in ("validation", "test"):
        for name in ("dice", "second_observer_dice", "auc"):
            figure = evaluation[part][name]
            assert f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" in card


def test_on_a_real_photograph_of_another_camera_dark_lines_are_vessels_and_the_disc_is_not(
    graph: torch.nn.Module, hub: dict[str, Any]
) -> None:
    picture = _prepared(_skimage("retina.jpg"))
    with torch.inference_mode():
        logits, distance = graph(picture)
    vessels = _vessels(logits, hub)
    field = (picture[0].amax(dim=0) > 0.1).numpy()
    green = picture[0, 1].numpy()
    around = functional.avg_pool2d(picture[:, 1:2], 41, 1, 20)[0, 0].numpy()
    assert float(distance) <= hub["guard"]["limit"]
    assert 0.04 < vessels[field].mean() < 0.2
    assert not vessels[~field].any()
    assert (green - around)[vessels].mean() < (green - around)[field & ~vessels].mean() - 0.02


def test_drawn_vessels_are_found_and_drawn_background_is_not(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    pixels = phantom.fundus(640, 640)
    with torch.inference_mode():
        vessels = _vessels(graph(_prepared(pixels))[0], hub)
    plain = phantom.fundus(640, 640, vessels=False)
    truth = (pixels != plain).any(axis=2)
    assert vessels[truth].mean() > 0.6
    assert vessels[~truth].mean() < 0.05


@pytest.fixture(scope="module")
def drawn(graph: torch.nn.Module) -> Tensor:
    """Logits for a drawn retina."""
    with torch.inference_mode():
        logits: Tensor = graph(_prepared(phantom.fundus(640, 640)))[0]
    return logits


def test_the_mask_depends_on_what_the_network_learned(drawn: Tensor, hub: dict[str, Any]) -> None:
    shuffled = sanity.randomised(torch.export.load(FOLDER / "models/model.pt2").module(), seed=0)
    picture = _prepared(phantom.fundus(640, 640))
    field = picture[0].amax(dim=0) > 0.1
    with torch.inference_mode():
        learned, other = (logits[0, 0][field] for logits in (drawn, shuffled(picture)[0]))
    marked = int(_vessels(learned[None, None], hub).sum())
    same = set(learned.topk(marked).indices.tolist()) & set(other.topk(marked).indices.tolist())
    assert marked > 5000
    assert len(same) / marked < 0.2


def test_hiding_what_the_mask_marks_most_lowers_it_more_than_hiding_other_places(
    graph: torch.nn.Module, hub: dict[str, Any], drawn: Tensor
) -> None:
    pixels, edge = phantom.fundus(640, 640), 128
    plain = phantom.fundus(640, 640, vessels=False)
    with torch.inference_mode():
        mask = torch.from_numpy(_vessels(drawn, hub)).float()
        sums = functional.avg_pool2d(mask[None, None], edge, stride=edge)[0, 0]

        def lowered(place: int) -> float:
            row, column = (edge * which for which in divmod(place, sums.shape[1]))
            covered = pixels.copy()
            covered[row : row + edge, column : column + edge] = plain[row : row + edge, column : column + edge]
            return float(mask.sum() - _vessels(graph(_prepared(covered))[0], hub).sum())

        order = sums.flatten().argsort(descending=True).tolist()
        marked, elsewhere = lowered(order[0]), lowered(order[len(order) // 2])
    assert marked > 1000
    assert marked > 2 * elsewhere


def test_pictures_of_another_kind_are_beyond_the_guards_limit(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    radiograph = dcmread(get_testdata_file("RG1_UNCR.dcm")).pixel_array
    grey = (radiograph[::4, ::4] / radiograph.max() * 255).astype(np.uint8)
    foreign = {
        "an adult's radiograph": np.repeat(grey[:, :, None], 3, axis=2),
        "a drawn head": np.repeat(phantom.head(240, 200)[:, :, None], 3, axis=2),
        "noise": np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8),
    }
    with torch.inference_mode():
        found = {name: float(graph(_prepared(pixels))[1]) for name, pixels in foreign.items()}
    assert {name: distance for name, distance in found.items() if distance <= hub["guard"]["limit"]} == {}
