"""What a process must be told to start: typed, frozen, read once from `HUB_*`, nothing secret by default."""

from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import HubError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class MissingSettings(HubError):
    """The environment does not say what the process needs."""


def _public(url: str) -> str:
    """Off loopback people's sign-in must not travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give an address such as https://hub.hospital.example")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("off loopback the address must be https")
    return url.rstrip("/")


class ServiceSettings(BaseSettings):
    """What every process of the hub is told; a service's own settings add to it.

    Fields are read from `HUB_<FIELD>`; a service's own from `HUB_<SERVICE>_<FIELD>` by an explicit alias.
    """

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    public_url: Annotated[str, AfterValidator(_public)]
    """The one address that people and systems see; every link is built from it."""
    broker_url: SecretStr
    session_public_key_file: Path
    """PEM of the P-256 key with which the gateway signs sessions and system tokens."""


Settings = TypeVar("Settings", bound=BaseSettings)


def read(cls: type[Settings]) -> Settings:
    """Read settings from the environment, or say which variables are missing or wrong.

    Raises:
        MissingSettings: names each variable and what is wrong with it; never its value.
    """
    try:
        return cls()
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix", "")
        problems = [
            f"{_variable(prefix, problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        raise MissingSettings(
            "The environment is not complete: " + "; ".join(problems), fix="Set the variables named and start again."
        ) from None


def _variable(prefix: str, location: tuple[int | str, ...]) -> str:
    name = "_".join(str(part) for part in location).upper()
    return name if name.startswith("HUB_") else f"{prefix}{name}"


class DatabaseSettings(BaseSettings):
    """The address of one service's database."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr


@cache
def database_url(service: str) -> str:
    """The SQLAlchemy address in `HUB_<SERVICE>_DATABASE_URL`, with psycopg 3 as its driver.

    Raises:
        MissingSettings: the variable is not set.
    """
    prefix = f"HUB_{service.upper()}_"
    try:
        url = DatabaseSettings(_env_prefix=prefix).database_url.get_secret_value()
    except ValidationError:
        raise MissingSettings(
            f"{prefix}DATABASE_URL is not set", fix="Set it to postgresql://user:password@host/database."
        ) from None
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
