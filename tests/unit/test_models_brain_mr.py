"""The released brain MR model is what its metadata and its evaluation say, on this machine too."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydicom import dcmread
from pydicom.data import get_testdata_file
from torch import Tensor

from learning import phantom, release, sanity
from learning.pictures import standardise, stretched
from services.simulator.radiographs import draw

FOLDER = Path(__file__).parents[2] / "models" / "brain-mr-tumour"
SQUARE = 32
LESIONS = [
    (0.36, 0.62, 0.09),
    (0.62, 0.4, 0.08),
    (0.3, 0.42, 0.07),
    (0.6, 0.63, 0.1),
    (0.72, 0.5, 0.08),
    (0.4, 0.3, 0.07),
]
"""Row, column and radius of bright spots in drawn heads, as shares of the edges."""


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


def _prepared(pixels: np.ndarray, hub: dict[str, Any]) -> Tensor:
    return standardise(stretched(pixels[None], hub["preprocessing"][2]["size"][0]))


def _heads(hub: dict[str, Any]) -> Tensor:
    return torch.cat([_prepared(phantom.head(240, 200, lesion=lesion), hub) for lesion in LESIONS])


def test_every_file_has_the_digest_that_the_metadata_names(hub: dict[str, Any]) -> None:
    for path, digest in hub["files"].items():
        assert hashlib.sha256((FOLDER / path).read_bytes()).hexdigest() == digest, path
    assert {"models/model.pt2", "evaluation.json", "docs/README.md", "docs/license.txt", "LICENSE-DATA.md"} <= set(
        hub["files"]
    )


def test_the_graph_answers_the_packages_own_test(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    promised = json.loads((FOLDER / hub["test"]["output"]).read_text(encoding="utf-8"))
    answered = release.answers(graph, _prepared(np.load(FOLDER / hub["test"]["input"]), hub), hub["outputs"])
    tolerance = hub["test"]["tolerance"]
    assert answered["logits"][0] == pytest.approx(promised["logits"][0], abs=tolerance)
    assert answered["distance"] == pytest.approx(promised["distance"], abs=tolerance)
    for figure in ("mean", "std", "shape"):
        assert answered["evidence"][figure] == pytest.approx(promised["evidence"][figure], abs=tolerance)


def test_any_number_of_pictures_may_be_asked_at_once(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    heads = _heads(hub)
    with torch.inference_mode():
        together = graph(heads)[0]
        alone = torch.cat([graph(head[None])[0] for head in heads])
    assert torch.allclose(together, alone, atol=1e-3)


def test_the_evaluation_is_of_this_graph_at_these_thresholds(evaluation: dict[str, Any], hub: dict[str, Any]) -> None:
    assert evaluation["graph_sha256"] == hub["files"]["models/model.pt2"]
    found = [point["threshold"] for point in evaluation["test"]["operating_points"].values()]
    assert found == [category["threshold"] for category in hub["classes"]]


def test_the_card_gives_the_evaluations_figures(evaluation: dict[str, Any]) -> None:
    card = (FOLDER / "docs/README.md").read_text(encoding="utf-8")
    for part in ("validation", "test"):
        for figure in (evaluation[part]["macro_auc"], evaluation[part]["accuracy"]):
            assert f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" in card


def test_pictures_of_another_kind_are_beyond_the_guards_limit(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    radiograph = dcmread(get_testdata_file("RG1_UNCR.dcm")).pixel_array
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    foreign = {
        "an adult's radiograph": (radiograph / radiograph.max() * 255).astype(np.uint8),
        "a drawn child's radiograph": draw("pneumonia", 1),
        "a drawn retina in grey": phantom.fundus(240, 250).mean(axis=2).astype(np.uint8),
        "noise": noise,
    }
    with torch.inference_mode():
        found = {name: float(graph(_prepared(pixels, hub))[2]) for name, pixels in foreign.items()}
    assert {name: distance for name, distance in found.items() if distance <= hub["guard"]["limit"]} == {}


def test_the_evidence_of_each_class_adds_up_to_its_logit(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    with torch.inference_mode():
        logits, evidence, _ = graph(_heads(hub))
    assert torch.allclose(evidence.mean(dim=(2, 3)), logits, atol=1e-4)


def test_the_heat_map_depends_on_what_the_network_learned(graph: torch.nn.Module, hub: dict[str, Any]) -> None:
    shuffled = sanity.randomised(torch.export.load(FOLDER / "models/model.pt2").module(), seed=0)
    with torch.inference_mode():
        logits, evidence, _ = graph(_heads(hub))
        others = shuffled(_heads(hub))[1]
    rows, best = torch.arange(len(logits)), logits.argmax(dim=1)
    alike = sanity.likeness(evidence[rows, best], others[rows, best])
    assert float(alike.mean()) < 0.5


def test_hiding_what_the_heat_map_marks_lowers_the_score_more_than_hiding_other_places(
    graph: torch.nn.Module, hub: dict[str, Any]
) -> None:
    heads = _heads(hub)
    with torch.inference_mode():
        logits, evidence, _ = graph(heads)
    best = logits.argmax(dim=1)
    maps = evidence[torch.arange(len(heads)), best]

    def lowered(marks: Tensor) -> float:
        falls = sanity.occlusion(lambda batch: graph(batch)[:2], heads, best.tolist(), marks, SQUARE)
        return float(np.mean([fall["marked"] - fall["elsewhere"] for fall in falls]))

    assert lowered(maps) > 0
    assert lowered(maps) > lowered(-maps)
