"""What results_sharing must be told to start."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, HttpUrl, SecretStr

from shared.settings import ServiceSettings, read


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"HUB_RESULTS_SHARING_{name}")


class Settings(ServiceSettings):
    """Where reports go, which key signs the audit, and the times of the house.

    Durations are ISO 8601 (`PT5M`) or seconds.
    """

    ehr_url: HttpUrl = Field(validation_alias=_named("EHR_URL"))
    """Base address of the hospital's FHIR server."""
    ehr_token: SecretStr | None = Field(default=None, validation_alias=_named("EHR_TOKEN"))
    """Bearer token for it, where it asks for one."""
    audit_key_file: Path = Field(validation_alias=_named("AUDIT_KEY_FILE"))
    """PEM of the P-256 key that signs the audit; `hub keys` makes it."""
    time_zone: ZoneInfo = Field(default_factory=lambda: ZoneInfo("Europe/Paris"), validation_alias=_named("TIME_ZONE"))
    """IANA zone of the hospital: appointments are typed in it, and patients read times in it."""
    answer_within: timedelta = Field(default=timedelta(minutes=5), validation_alias=_named("ANSWER_WITHIN"))
    """Without a model's answer for this long a study is *not analysed (no answer)*."""
    target_stat: timedelta = Field(default=timedelta(hours=1), validation_alias=_named("TARGET_STAT"))
    target_urgent: timedelta = Field(default=timedelta(hours=4), validation_alias=_named("TARGET_URGENT"))
    target_routine: timedelta = Field(default=timedelta(hours=24), validation_alias=_named("TARGET_ROUTINE"))


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
