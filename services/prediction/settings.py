"""What the prediction service must be told to start."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from shared.settings import ServiceSettings, read

MODELS_DIR = Path(__file__).parents[2] / "models"


def _named(name: str) -> str:
    return f"HUB_PREDICTION_{name}"


class Settings(ServiceSettings):
    """What depends on the place.

    Attributes:
        score2_region: risk region of the country (ESC 2021); it has no default, since a wrong one is a wrong figure.
        egfr_equation: European laboratories are advised to stay with 2009 (EFLM 2023).
        models_dir: where the packages lie.
    """

    score2_region: Annotated[
        Literal["low", "moderate", "high", "very_high"], Field(validation_alias=_named("SCORE2_REGION"))
    ]
    egfr_equation: Annotated[
        Literal["ckdepi_2009_creat", "ckdepi_2021_creat", "ckdepi_2021_creat_cys"],
        Field(validation_alias=_named("EGFR_EQUATION")),
    ] = "ckdepi_2009_creat"
    models_dir: Annotated[Path, Field(validation_alias=_named("MODELS_DIR"))] = MODELS_DIR


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
