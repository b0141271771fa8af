"""What the imaging service must be told to start."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl, PositiveInt

from shared.settings import ServiceSettings, read

SHIPPED = Path(__file__).parents[2] / "models"
"""The packages that come with the hub."""


def _named(name: str) -> str:
    return f"HUB_IMAGING_{name}"


class Settings(ServiceSettings):
    """Durations are ISO 8601 (`PT30S`, `P1D`).

    Attributes:
        store_dir: where pixels lie; every process of the service sees the same folder.
        issuers: Issuer of Patient ID → FHIR identifier system, as JSON.
        default_issuer: the issuer meant by files that name none.
        quiet_period: without a further instance, after which a study of unannounced size counts as complete.
        patience: for everything that belongs to a study, before it awaits a human.
        threads: of the network in each worker child.
        pacs_url: DICOMweb address of the archive that gets the results (`<pacs_url>/studies` takes STOW-RS); without it
            they stay here.
        pacs_credentials_file: one line: `Bearer <token>` for a token, `<user>:<password>` for Basic.
        models_in_memory: how many models a worker child keeps open; the least recently used makes room.
        watch_answers, watch_period: a model is watched over so many of its last answers, and so far back at most.
        watch_least: answers below which nothing is concluded; its first ones stand in where a package has no reference.
    """

    store_dir: Annotated[Path, Field(validation_alias=_named("STORE_DIR"))]
    issuers: Annotated[dict[str, str], Field(validation_alias=_named("ISSUERS"))]
    default_issuer: Annotated[str | None, Field(validation_alias=_named("DEFAULT_ISSUER"))] = None
    quiet_period: Annotated[timedelta, Field(validation_alias=_named("QUIET_PERIOD"))] = timedelta(seconds=30)
    patience: Annotated[timedelta, Field(validation_alias=_named("PATIENCE"))] = timedelta(hours=24)
    threads: Annotated[PositiveInt, Field(validation_alias=_named("THREADS"))] = 1
    pacs_url: Annotated[HttpUrl | None, Field(validation_alias=_named("PACS_URL"))] = None
    pacs_credentials_file: Annotated[Path | None, Field(validation_alias=_named("PACS_CREDENTIALS_FILE"))] = None
    models_in_memory: Annotated[PositiveInt, Field(validation_alias=_named("MODELS_IN_MEMORY"))] = 4
    watch_answers: Annotated[PositiveInt, Field(validation_alias=_named("WATCH_ANSWERS"))] = 500
    watch_period: Annotated[timedelta, Field(validation_alias=_named("WATCH_PERIOD"))] = timedelta(days=90)
    watch_least: Annotated[PositiveInt, Field(validation_alias=_named("WATCH_LEAST"))] = 100


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
