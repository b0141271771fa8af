"""What the gateway must be told to start."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.settings import ServiceSettings, read


class Settings(ServiceSettings):
    """The gateway alone holds the key that signs sessions and system tokens.

    Attributes:
        session_private_key_file: PEM of the P-256 private key, readable by the gateway only.
    """

    session_private_key_file: Annotated[Path, Field(validation_alias="HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE")]


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
