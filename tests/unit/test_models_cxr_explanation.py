"""The chest model's heat map explains: questions that it can fail, on drawn radiographs with planted opacities."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from torch import Tensor

from learning import sanity
from services.imaging.domain.admission import METADATA
from services.imaging.inference import package
from services.imaging.inference.package import Package
from services.imaging.inference.steps import prepare
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, parse
from services.simulator.radiographs import draw

FOLDER = Path(__file__).parents[2] / "models" / "cxr-pneumonia-paediatric"
GRAPH = FOLDER / "models/model.pt2"
SQUARE = 40
SPOTS = [(0.45, 0.3), (0.55, 0.7), (0.35, 0.68)] * 2
"""Row and column of planted opacities, as shares of the edges; each in two children."""

RADIUS = 0.12

LOGITS = 0.1
"""By how much more the score falls, on the average: of single pictures one in six says otherwise."""


@pytest.fixture(scope="module")
def released() -> Package:
    """As the hub reads it."""
    declared = parse((FOLDER / METADATA).read_text())
    assert isinstance(declared, Metadata)
    return package.load(FOLDER, declared, digest_of(FOLDER / METADATA))


def opacities(released: Package) -> Tensor:
    """Drawn radiographs of healthy children, each with a soft bright spot planted in a lung."""
    made = []
    for seed, (row, column) in enumerate(SPOTS):
        picture = draw("normal", seed).astype(np.float64)
        rows, columns = picture.shape
        down, across = np.indices(picture.shape)
        distance = (down / rows - row) ** 2 + ((across / columns - column) * columns / rows) ** 2
        made.append(picture + 2 * picture.std() * np.exp(-distance / RADIUS**2))
    return torch.cat([prepare(each, released.declared.hub.preprocessing).values for each in made])


def test_the_heat_map_depends_on_what_the_network_learned(released: Package) -> None:
    looked, shuffled = opacities(released), sanity.randomised(torch.export.load(GRAPH).module(), seed=0)
    with torch.inference_mode():
        learned, other = (ranked(network(looked)[1]) for network in (torch.export.load(GRAPH).module(), shuffled))
    assert float(sanity.likeness(learned, other).abs().mean()) < 0.3  # of ranks: Spearman's correlation
    assert float(sanity.likeness(learned, learned).mean()) == pytest.approx(1)


def ranked(maps: Tensor) -> Tensor:
    return maps.flatten(1).argsort(dim=1).argsort(dim=1).float()[:, None]


def test_hiding_what_the_heat_map_marks_lowers_the_score_more_than_hiding_other_places(released: Package) -> None:
    looked = opacities(released)

    def read(batch: Tensor) -> tuple[Tensor, Tensor]:
        answered = released.graph(batch)
        return answered["logits"], answered["evidence"][:, 0]

    with torch.inference_mode():
        maps = read(looked)[1]
    falls, turned = (sanity.occlusion(read, looked, [0] * len(looked), marks, SQUARE) for marks in (maps, -maps))
    assert fmean(fall["marked"] - fall["elsewhere"] for fall in falls) > LOGITS
    assert fmean(fall["marked"] - fall["elsewhere"] for fall in turned) < -LOGITS, "the test can fail"
