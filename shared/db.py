"""One PostgreSQL database a service: its engine, its only way to commit, and safe words for its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from shared import settings
from shared.errors import Unavailable


@cache
def engine(service: str) -> Engine:
    """The engine of a service; made at first use, so importing needs no database.

    Parameters stay out of error texts: they are patients' data.
    """
    return create_engine(
        settings.database_url(service),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=10,
        connect_args={"connect_timeout": 5, "application_name": f"hub-{service}"},
    )


@contextmanager
def transaction(service: str) -> Iterator[Session]:
    """A session whose work commits when the block ends and rolls back when it raises.

    Raises:
        Unavailable: the database cannot be reached, or the connection broke.
    """
    try:
        with Session(engine(service), expire_on_commit=False) as session, session.begin():
            yield session
    except (OperationalError, InterfaceError) as error:
        if is_contention(error):
            raise
        raise Unavailable(f"The database of {service} is away", fix="Try again in a moment.") from None


def sqlstate(error: DBAPIError) -> str | None:
    """The five characters by which PostgreSQL names an error (appendix A of its manual)."""
    return getattr(error.orig, "sqlstate", None)


def is_contention(error: DBAPIError) -> bool:
    """Whether other transactions were in the way (deadlock, serialization, lock not available), not an outage."""
    return sqlstate(error) in {"40P01", "40001", "55P03"}
