"""What the imaging service must be told to start."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, NonNegativeInt, PositiveInt, model_validator

from shared.settings import ServiceSettings, read

SHIPPED = Path(__file__).parents[2] / "models"
"""The packages that come with the hub."""


def _named(name: str) -> str:
    return f"HUB_IMAGING_{name}"


Title = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
"""An AE title: 1 to 16 printable characters, no backslash, not blank (PS3.5 6.2)."""

Port = Annotated[int, Field(ge=1, le=65535)]


class Peer(BaseModel):
    """Where an archive listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: Port
    tls: bool = False


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
        pacs_ae: AE title, one of `dimse_peers`, of the archive that gets the results by C-STORE instead.
        pacs_credentials_file: one line: `Bearer <token>` for a token, `<user>:<password>` for Basic.
        models_in_memory: how many models a worker child keeps open; the least recently used makes room.
        watch_answers, watch_period: a model is watched over so many of its last answers, and so far back at most.
        watch_least: answers below which nothing is concluded; its first ones stand in where a package has no reference.
        ae_title: ours, when we are called and when we call.
        dimse_host: on which address the listener takes connections.
        dimse_senders: AE title that may call → addresses it may call from, as JSON; no address means any.
            Who is not named is refused.
        dimse_peers: AE title that we call → host, port and tls, as JSON.
        dimse_associations: at most, at the same time.
        dimse_tls_key_file: PEM; with it the listener speaks TLS only.
        dimse_tls_ca_file: PEM of who signs callers' certificates; with it each caller must show one.
        priors: studies of the same patient that are fetched when a study is announced, the newest first; 0: none.
        priors_from: AE title of the peer that is asked for them.
    """

    store_dir: Annotated[Path, Field(validation_alias=_named("STORE_DIR"))]
    issuers: Annotated[dict[str, str], Field(validation_alias=_named("ISSUERS"))]
    default_issuer: Annotated[str | None, Field(validation_alias=_named("DEFAULT_ISSUER"))] = None
    quiet_period: Annotated[timedelta, Field(validation_alias=_named("QUIET_PERIOD"))] = timedelta(seconds=30)
    patience: Annotated[timedelta, Field(validation_alias=_named("PATIENCE"))] = timedelta(hours=24)
    threads: Annotated[PositiveInt, Field(validation_alias=_named("THREADS"))] = 1
    pacs_url: Annotated[HttpUrl | None, Field(validation_alias=_named("PACS_URL"))] = None
    pacs_credentials_file: Annotated[Path | None, Field(validation_alias=_named("PACS_CREDENTIALS_FILE"))] = None
    pacs_ae: Annotated[Title | None, Field(validation_alias=_named("PACS_AE"))] = None
    models_in_memory: Annotated[PositiveInt, Field(validation_alias=_named("MODELS_IN_MEMORY"))] = 4
    watch_answers: Annotated[PositiveInt, Field(validation_alias=_named("WATCH_ANSWERS"))] = 500
    watch_period: Annotated[timedelta, Field(validation_alias=_named("WATCH_PERIOD"))] = timedelta(days=90)
    watch_least: Annotated[PositiveInt, Field(validation_alias=_named("WATCH_LEAST"))] = 100
    ae_title: Annotated[Title, Field(validation_alias=_named("AE_TITLE"))] = "CONSILIUM"
    dimse_host: Annotated[str, Field(validation_alias=_named("DIMSE_HOST"))] = "127.0.0.1"
    dimse_port: Annotated[Port, Field(validation_alias=_named("DIMSE_PORT"))] = 11112
    dimse_senders: Annotated[
        dict[Title, list[str]], Field(default_factory=dict, validation_alias=_named("DIMSE_SENDERS"))
    ]
    dimse_peers: Annotated[dict[Title, Peer], Field(default_factory=dict, validation_alias=_named("DIMSE_PEERS"))]
    dimse_associations: Annotated[PositiveInt, Field(validation_alias=_named("DIMSE_ASSOCIATIONS"))] = 32
    dimse_tls_key_file: Annotated[Path | None, Field(validation_alias=_named("DIMSE_TLS_KEY_FILE"))] = None
    dimse_tls_certificate_file: Annotated[Path | None, Field(validation_alias=_named("DIMSE_TLS_CERTIFICATE_FILE"))] = (
        None
    )
    dimse_tls_ca_file: Annotated[Path | None, Field(validation_alias=_named("DIMSE_TLS_CA_FILE"))] = None
    priors: Annotated[NonNegativeInt, Field(validation_alias=_named("PRIORS"))] = 0
    priors_from: Annotated[Title | None, Field(validation_alias=_named("PRIORS_FROM"))] = None

    @model_validator(mode="after")
    def _priors_come_from_somewhere(self) -> "Settings":
        if self.priors and self.priors_from not in self.dimse_peers:
            raise ValueError("HUB_IMAGING_PRIORS needs HUB_IMAGING_PRIORS_FROM, one of HUB_IMAGING_DIMSE_PEERS")
        return self

    @model_validator(mode="after")
    def _one_archive_is_reached_one_way(self) -> "Settings":
        if self.pacs_ae is not None and self.pacs_url is not None:
            raise ValueError("HUB_IMAGING_PACS_AE (C-STORE) and HUB_IMAGING_PACS_URL (STOW-RS): set one of them")
        if self.pacs_ae is not None and self.pacs_ae not in self.dimse_peers:
            raise ValueError("HUB_IMAGING_PACS_AE must be one of HUB_IMAGING_DIMSE_PEERS")
        return self

    @property
    def has_archive(self) -> bool:
        """Whether results go to an archive."""
        return self.pacs_url is not None or self.pacs_ae is not None


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
