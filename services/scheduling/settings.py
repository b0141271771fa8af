"""What scheduling must be told to start."""

from datetime import timedelta
from functools import cache

from pydantic import AliasChoices, Field

from shared.settings import ServiceSettings, read


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"HUB_SCHEDULING_{name}")


class Settings(ServiceSettings):
    """The times of the house; durations are ISO 8601 (`PT10M`) or seconds."""

    hold: timedelta = Field(default=timedelta(minutes=10), validation_alias=_named("HOLD"))
    """How long a held slot is kept for whoever is about to book it."""
    staff_hold: timedelta = Field(default=timedelta(hours=12), validation_alias=_named("STAFF_HOLD"))
    """How long the slot suggested for an urgent follow-up is kept for staff to confirm."""
    horizon: timedelta = Field(default=timedelta(days=120), validation_alias=_named("HORIZON"))
    """How far ahead slots are offered."""
    within_stat: timedelta = Field(default=timedelta(days=1), validation_alias=_named("WITHIN_STAT"))
    within_urgent: timedelta = Field(default=timedelta(days=7), validation_alias=_named("WITHIN_URGENT"))
    within_routine: timedelta = Field(default=timedelta(weeks=6), validation_alias=_named("WITHIN_ROUTINE"))
    """By when a follow-up has to be; six weeks is the usual control after pneumonia (BTS guideline 2009)."""


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
