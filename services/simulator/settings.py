"""What the simulated hospital must be told to start."""

from functools import cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import settings as environment


class Settings(BaseSettings):
    """The hospital's own: it knows neither the hub's broker nor its databases."""

    model_config = SettingsConfigDict(env_prefix="HUB_SIMULATOR_", frozen=True, extra="ignore")

    journal: Path | None = None
    """File that keeps every report the hospital received; without it they are gone when the process ends."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return environment.read(Settings)
