"""Where the broker is; every process that speaks AMQP reads it here, once."""

from functools import cache

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import settings


class BrokerSettings(BaseSettings):
    """The address of the broker, with its credentials."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    broker_url: SecretStr


@cache
def url() -> str:
    """The address in `HUB_BROKER_URL`.

    Raises:
        MissingSettings: the variable is not set.
    """
    return settings.read(BrokerSettings).broker_url.get_secret_value()
