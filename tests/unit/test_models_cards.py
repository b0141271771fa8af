"""What the cards of the trained models say is what was measured, and nothing that every card owes is missing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "models"
MODELS = ("brain-mr-tumour", "cxr-pneumonia-paediatric", "retina-vessels")
WITH_INTERVAL = re.compile(r"(-?\d+\.\d+) \((-?\d+\.\d+) to (-?\d+\.\d+)\)")
CAVEATS = {
    "brain-mr-tumour": ("no patient ids", "stands in the published training part", "mixture of three collections"),
    "cxr-pneumonia-paediatric": ("One hospital", "too high on the test part", "localises poorly"),
    "retina-vessels": ("Fourteen children, one camera", "one person's hand", "It finds no disease"),
}
WATCHED = {"brightness", "contrast", "entropy", "sharpness"}


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def card(name: str) -> str:
    return (FOLDER / name / "docs/README.md").read_text(encoding="utf-8")


@pytest.fixture
def evaluation(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name / "evaluation.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def metadata(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name / "configs/metadata.json").read_text(encoding="utf-8"))
    return found


def _intervals(figures: Any) -> Iterator[tuple[float, float, float]]:
    if isinstance(figures, dict):
        if {"value", "low", "high"} <= set(figures):
            yield figures["value"], figures["low"], figures["high"]
        for each in figures.values():
            yield from _intervals(each)
    elif isinstance(figures, list):
        for each in figures:
            yield from _intervals(each)


def _is(said: tuple[str, ...], measured: tuple[float, ...]) -> bool:
    """Equal at the digits that the card gives; the record is rounded to four, so a last 5 may go either way."""
    places = len(said[0].partition(".")[2])
    return all(abs(float(s) - m) <= 0.5 * 10**-places + 5e-5 for s, m in zip(said, measured, strict=True))


def test_every_figure_with_an_interval_on_the_card_was_measured(card: str, evaluation: dict[str, Any]) -> None:
    measured = list(_intervals(evaluation))
    said = WITH_INTERVAL.findall(card)
    assert len(said) >= 20
    assert [figure for figure in said if not any(_is(figure, each) for each in measured)] == []


def test_card_evaluation_and_metadata_are_of_one_version(
    card: str, evaluation: dict[str, Any], metadata: dict[str, Any]
) -> None:
    version = metadata["version"]
    assert evaluation["version"] == version
    assert card.splitlines()[0].endswith(f", {version}")
    assert f"version {version} of" in card
    assert version in metadata["changelog"]


def test_the_card_gives_the_guard_s_limit_and_what_it_refused_at_it(
    card: str, evaluation: dict[str, Any], metadata: dict[str, Any]
) -> None:
    limit = metadata["hub"]["guard"]["limit"]
    assert f"{limit:g}" in card
    measured_at = {part: evaluation[part]["guard"].get("limit", limit) for part in ("validation", "test")}
    assert set(measured_at.values()) == {limit}
    apart = evaluation["foreign_pictures_refused"]["kept apart"]
    assert "breast ultrasound" in apart
    assert apart["all"]["value"] >= 0.95


def test_the_caveats_are_on_the_card(name: str, card: str) -> None:
    assert [caveat for caveat in CAVEATS[name] if caveat not in card] == []
    assert "![Reliability of the calibrated probability](reliability.svg)" in card
    assert "not for patient care" in card


def test_drift_has_a_reference_of_the_looks_of_pictures(metadata: dict[str, Any]) -> None:
    reference = metadata["hub"]["reference"]
    assert reference["n"] >= 20
    assert set(reference["statistics"]) >= WATCHED


def test_a_licence_that_nobody_here_has_seen_is_said_to_be_so(metadata: dict[str, Any], name: str) -> None:
    stated = (FOLDER / name / "LICENSE-DATA.md").read_text(encoding="utf-8")
    given = metadata["hub"]["licence"]["data"]
    assert given.startswith(("CC BY 4.0", "CC0 1.0"))
    assert given.partition(" (")[0] in stated
    assert ("third party" in stated) == ("(" in given)
