"""The servers of the hub under measurement, as psycopg reaches them."""

from shared.embedded import Hub


def address(hub: Hub, service: str) -> str:
    """The database of a service, without SQLAlchemy's driver name."""
    return hub.environment[f"HUB_{service.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)
