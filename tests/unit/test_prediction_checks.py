"""`hub doctor` sees whether the packages are the released ones."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.prediction import checks
from services.prediction.settings import MODELS_DIR, settings
from shared.cli.check import Level

NAMES = ["egfr-ckd-epi", "nhs-aki", "score2"]


@pytest.fixture
def models(settings_environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A copy of the packages, which the service uses."""
    assert settings_environment
    for name in NAMES:
        shutil.copytree(MODELS_DIR / name, tmp_path / name)
    monkeypatch.setenv("HUB_BROKER_URL", "amqp://nobody.example")
    monkeypatch.setenv("HUB_PREDICTION_SCORE2_REGION", "low")
    monkeypatch.setenv("HUB_PREDICTION_MODELS_DIR", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_the_released_packages_are_well(models: Path) -> None:
    assert models.exists()
    assert [(check.name, check.level) for check in checks.look()] == [(name, Level.OK) for name in NAMES]


def test_another_number_and_a_missing_package_are_failures(models: Path) -> None:
    file = models / "score2" / "metadata.json"
    metadata = json.loads(file.read_text())
    metadata["coefficients"]["score2"]["male"]["S0"] = 0.97
    file.write_text(json.dumps(metadata))
    shutil.rmtree(models / "nhs-aki")
    assert [check.level for check in checks.look()] == [Level.OK, Level.FAILURE, Level.FAILURE]
