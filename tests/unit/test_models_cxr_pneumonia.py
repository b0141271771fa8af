"""The released chest model is what its metadata and its evaluation say, on this machine too."""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from services.imaging.domain.admission import METADATA
from services.imaging.inference import package
from services.imaging.inference.heatmap import heatmap
from services.imaging.inference.package import Package
from services.imaging.inference.steps import prepare
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, parse
from services.simulator.radiographs import draw

FOLDER = Path(__file__).parents[2] / "models" / "cxr-pneumonia-paediatric"
TRAINED = ("network", "preparation", "released")


@pytest.fixture(scope="module")
def released() -> Package:
    """As the hub reads it."""
    declared = parse((FOLDER / METADATA).read_text())
    assert isinstance(declared, Metadata)
    return package.load(FOLDER, declared, digest_of(FOLDER / METADATA))


@pytest.fixture(scope="module")
def trained() -> Iterator[Any]:
    """As it was trained and measured: the module `released` of its scripts."""
    sys.path.insert(0, str(FOLDER / "training"))
    try:
        yield importlib.import_module("released")
    finally:
        sys.path.remove(str(FOLDER / "training"))
        for name in TRAINED:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def network(trained: Any) -> Any:
    return trained.load(FOLDER / "training")


def pictures(trained: Any) -> list[np.ndarray]:
    return [
        trained.known_picture(200, 240),
        *(draw(kind, seed) for kind in ("normal", "pneumonia") for seed in range(4)),
    ]


def test_the_package_answers_what_the_trained_network_answers(released: Package, network: Any, trained: Any) -> None:
    for picture in pictures(trained):
        expected, said = network.read(picture), released.read(picture)
        assert said.scores[0] == pytest.approx(expected.probability, abs=1e-4)
        assert said.distance == pytest.approx(expected.distance, abs=1e-3)
        assert said.familiar == expected.familiar
        assert (said.scores[0] >= released.model.categories[0].threshold) == expected.positive


def test_the_heat_map_is_the_networks_own_evidence(released: Package, network: Any) -> None:
    picture = draw("pneumonia", 3)
    with torch.inference_mode():
        evidence = network.network(prepare(picture, released.declared.hub.preprocessing).values).evidence
    full = network.metadata["explanation"]["full"]
    expected = functional.interpolate(evidence[None] / full, (512, 640), mode="bicubic", align_corners=False)[0, 0]
    heat = released.read(picture).heat
    assert heat is not None
    assert heat.dtype == np.float32
    assert np.abs(heat - expected.clamp(0, 1).numpy()).max() < 1e-4


def test_weights_that_do_not_match_their_digest_are_not_measured(tmp_path: Path, trained: Any) -> None:
    copy = shutil.copytree(FOLDER / "training", tmp_path / "training")
    with (copy / "weights.pt").open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(ValueError, match="do not match the digest"):
        trained.load(copy)


def test_the_evaluation_is_of_these_weights_at_this_threshold(released: Package, network: Any) -> None:
    evaluation = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["weights_sha256"] == network.metadata["weights"]["sha256"]
    assert evaluation["version"] == released.model.version
    assert {evaluation[part]["operating_point"]["threshold"] for part in ("validation", "test")} == {
        released.model.categories[0].threshold
    }


def test_the_card_gives_the_evaluations_figures() -> None:
    evaluation = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    card = (FOLDER / "docs" / "README.md").read_text(encoding="utf-8")
    for part in ("validation", "test"):
        area = evaluation[part]["auc"]
        assert f"{area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})" in card


def test_synthetic_pneumonia_scores_above_synthetic_normal(released: Package) -> None:
    def logit(kind: str, seed: int) -> float:
        answered = released.graph(prepare(draw(kind, seed), released.declared.hub.preprocessing).values)
        return float(answered["logits"][0, 0])

    normal, pneumonia = ([logit(kind, seed) for seed in range(8)] for kind in ("normal", "pneumonia"))
    assert np.mean(pneumonia) > np.mean(normal) + 1.5


def test_a_picture_of_noise_is_not_familiar(released: Package) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    assert not released.read(noise).familiar


def test_brightness_and_contrast_do_not_change_the_answer(released: Package) -> None:
    picture = draw("pneumonia", 1)
    brighter = picture.astype(np.uint16) * 12 + 300
    assert released.read(brighter).scores == pytest.approx(released.read(picture).scores, abs=1e-4)


def test_the_evidence_adds_up_to_the_logit(released: Package) -> None:
    answered = released.graph(prepare(draw("pneumonia", 2), released.declared.hub.preprocessing).values)
    assert float(answered["evidence"].mean()) == pytest.approx(float(answered["logits"][0, 0]), abs=1e-4)


def test_the_heat_map_depends_on_what_the_network_learned(released: Package, network: Any) -> None:
    torch.manual_seed(0)
    architecture = network.metadata["architecture"]
    untrained = type(network.network)(architecture["stem"], architecture["blocks"]).eval()
    prepared = prepare(draw("pneumonia", 3), released.declared.hub.preprocessing)
    with torch.inference_mode():
        learned, random = (net(prepared.values).evidence[0] for net in (network.network, untrained))
    maps = [heatmap(evidence, prepared, (512, 640), float(evidence.abs().max())) for evidence in (learned, random)]
    assert np.abs(maps[0] - maps[1]).mean() > 0.05


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((64, 64)), np.full((64, 64), np.nan), np.zeros((64, 64, 4)), np.zeros(64)],
    ids=["one grey value", "not numbers", "four channels", "a line"],
)
def test_a_picture_that_shows_nothing_is_an_error(released: Package, pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        released.read(pixels)
