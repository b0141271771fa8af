"""Bring a service's database to what its code needs: the plumbing's revisions and the service's own.

Processes never migrate; `hub migrate <service>` does, before they start.
Source: https://alembic.sqlalchemy.org/en/latest/branches.html#working-with-multiple-bases
"""

from dataclasses import dataclass
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from shared import settings
from shared.errors import Unavailable

ONE_AT_A_TIME = 0x48756200
"""Key of the advisory lock under which a database migrates ("Hub" in ASCII)."""

LOCK_TIMEOUT = "5s"
"""A migration that would make the service wait longer for its tables fails instead; run it again."""


def migrate(service: str) -> None:
    """Upgrade the database named by `HUB_<SERVICE>_DATABASE_URL`.

    A second run beside the first waits for it, and then finds nothing to do.

    Raises:
        Unavailable: the database cannot be reached.
    """
    with _connection(service) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        config = _config(service)
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


@dataclass(frozen=True)
class Schema:
    """What a database was brought to.

    Attributes:
        applied: the newest revision of each branch.
        current: whether it has what this code needs; a newer one has (expand first, contract later).
    """

    applied: tuple[str, ...]
    current: bool


def is_current(service: str) -> bool:
    """Whether the database has what this code needs.

    Raises:
        Unavailable: the database cannot be reached.
    """
    return schema(service).current


def schema(service: str) -> Schema:
    """What the database of a service was brought to.

    Raises:
        Unavailable: the database cannot be reached.
    """
    scripts = ScriptDirectory.from_config(_config(service))
    needed = set(scripts.get_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    with _connection(service) as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    return Schema(tuple(sorted(applied)), len(applied) >= len(needed) and not (applied & known) - needed)


def _connection(service: str) -> Connection:
    try:
        return create_engine(settings.database_url(service), poolclass=NullPool, hide_parameters=True).connect()
    except (OperationalError, InterfaceError):
        raise Unavailable(f"The database of {service} is away", fix="Start it, or correct its address.") from None


def _config(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("shared") / "migrations"))
    own = files("services") / service / "migrations" / "versions"
    places = [str(files("shared") / "migrations" / "versions"), *([str(own)] if own.is_dir() else [])]
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(places))
    return config
