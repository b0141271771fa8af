"""The released chest model is what its metadata and its evaluation say, on this machine too."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from services.imaging.inference.heatmap import heatmap
from services.imaging.inference.network import ChestNet
from services.imaging.inference.package import TOLERANCE, Package, known_picture, load
from services.imaging.inference.preparation import prepare
from services.simulator.radiographs import draw

FOLDER = Path(__file__).parents[2] / "models" / "cxr-pneumonia-paediatric"


@pytest.fixture(scope="module")
def package() -> Package:
    return load(FOLDER)


def test_weights_that_do_not_match_their_digest_are_not_loaded(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "model")
    with (copy / "weights.pt").open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(ValueError, match="do not match the digest"):
        load(copy)


def test_a_model_that_answers_its_self_check_differently_is_not_loaded(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "model")
    metadata = json.loads((copy / "metadata.json").read_text(encoding="utf-8"))
    metadata["self_check"]["logit"] += 10 * TOLERANCE
    (copy / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    with pytest.raises(ValueError, match="self-check"):
        load(copy)


def test_the_self_check_is_reproduced(package: Package) -> None:
    check = package.metadata["self_check"]
    answer = package.read(known_picture(check["rows"], check["columns"]))
    assert answer.logit == pytest.approx(check["logit"], abs=TOLERANCE)


def test_the_evaluation_is_of_these_weights_at_this_threshold(package: Package) -> None:
    evaluation = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["weights_sha256"] == package.metadata["weights"]["sha256"]
    assert evaluation["version"] == package.metadata["version"]
    assert {evaluation[part]["operating_point"]["threshold"] for part in ("validation", "test")} == {
        package.metadata["output"]["threshold"]
    }


def test_the_card_gives_the_evaluations_figures() -> None:
    evaluation = json.loads((FOLDER / "evaluation.json").read_text(encoding="utf-8"))
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in ("validation", "test"):
        area = evaluation[part]["auc"]
        assert f"{area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})" in card


def test_synthetic_pneumonia_scores_above_synthetic_normal(package: Package) -> None:
    normal = [package.read(draw("normal", seed)).logit for seed in range(8)]
    pneumonia = [package.read(draw("pneumonia", seed)).logit for seed in range(8)]
    assert np.mean(pneumonia) > np.mean(normal) + 1.5


def test_a_picture_of_noise_is_not_familiar(package: Package) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    assert not package.read(noise).familiar


def test_brightness_and_contrast_do_not_change_the_answer(package: Package) -> None:
    picture = draw("pneumonia", 1)
    brighter = picture.astype(np.uint16) * 12 + 300
    assert package.read(brighter).logit == pytest.approx(package.read(picture).logit, abs=1e-3)


def test_the_evidence_adds_up_to_the_logit(package: Package) -> None:
    with torch.inference_mode():
        said = package.network(prepare(draw("pneumonia", 2), package.metadata["input"]["size"]))
    assert float(said.evidence.mean()) == pytest.approx(float(said.logit[0]), abs=1e-4)


def test_the_heat_map_has_the_radiographs_shape_and_values_from_zero_to_one(package: Package) -> None:
    heat = package.read(draw("pneumonia", 3)).heat
    assert heat.shape == (512, 640)
    assert heat.dtype == np.float32
    assert heat.min() >= 0
    assert heat.max() <= 1


def test_the_heat_map_depends_on_what_the_network_learned(package: Package) -> None:
    torch.manual_seed(0)
    architecture = package.metadata["architecture"]
    untrained = ChestNet(architecture["stem"], architecture["blocks"]).eval()
    pictures = prepare(draw("pneumonia", 3), package.metadata["input"]["size"])
    with torch.inference_mode():
        learned, random = package.network(pictures).evidence[0], untrained(pictures).evidence[0]
    maps = [heatmap(evidence, 64, 64, float(evidence.abs().max())) for evidence in (learned, random)]
    assert np.abs(maps[0] - maps[1]).mean() > 0.05


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((64, 64)), np.full((64, 64), np.nan), np.zeros((64, 64, 3))],
    ids=["one grey value", "not numbers", "colour"],
)
def test_a_picture_that_shows_nothing_is_an_error(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        prepare(pixels, 160)
