"""What the gateway must be told to start."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.settings import MissingSettings, ServiceSettings, read


class Settings(ServiceSettings):
    """The gateway alone holds the key that signs sessions and system tokens.

    Attributes:
        session_private_key_file: PEM of the P-256 private key, readable by the gateway only.
    """

    session_private_key_file: Annotated[Path, Field(validation_alias="HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE")]

    def private_key(self) -> bytes:
        """The key that signs, as PEM.

        Raises:
            MissingSettings: it cannot be read.
        """
        try:
            return self.session_private_key_file.read_bytes()
        except OSError:
            raise MissingSettings(
                "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE names no readable key", fix="Run `hub keys` first."
            ) from None


@cache
def settings() -> Settings:
    """Read the environment once."""
    return read(Settings)
