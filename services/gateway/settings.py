"""What the gateway must be told to start."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr

from shared.settings import MissingSettings, ServiceSettings, read


class Settings(ServiceSettings):
    """The gateway alone holds the key that signs sessions and system tokens.

    Attributes:
        session_private_key_file: PEM of the P-256 private key, readable by the gateway only.
        code_url: where the hospital takes messages for patients (FHIR CommunicationRequest); without it no code is
            sent, and patients get theirs at the desk.
        code_token: bearer token for it, where it asks for one.
    """

    session_private_key_file: Annotated[Path, Field(validation_alias="HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE")]

    code_url: Annotated[HttpUrl | None, Field(validation_alias="HUB_GATEWAY_CODE_URL")] = None
    code_token: Annotated[SecretStr | None, Field(validation_alias="HUB_GATEWAY_CODE_TOKEN")] = None

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
