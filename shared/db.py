"""One PostgreSQL database a service: its engine, its only way to commit, and safe words for its errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final

import psycopg
from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session

from shared import settings
from shared.errors import Unavailable

FRESH_S: Final = 1.0
"""A connection that was used so lately is not asked whether it lives: that is a round trip in each transaction."""


@cache
def engine(service: str) -> Engine:
    """The engine of a service; made at first use, so importing needs no database.

    Parameters stay out of error texts: they are patients' data.
    """
    made = create_engine(
        settings.database_url(service),
        hide_parameters=True,
        pool_size=10,
        max_overflow=10,
        pool_use_lifo=True,  # the one used last is the one that need not be asked
        connect_args={"connect_timeout": 5, "application_name": f"hub-{service}"},
    )
    event.listen(made, "checkin", _note_time)
    event.listen(made, "checkout", partial(_ask_whether_it_lives, made.dialect))
    return made


def _note_time(_: Any, record: Any) -> None:  # noqa: ANN401 (SQLAlchemy's event)
    record.info["used"] = time.monotonic()


def _ask_whether_it_lives(dialect: Dialect, connection: Any, record: Any, _: Any) -> None:  # noqa: ANN401 (as above)
    used = record.info.get("used")
    if used is None or time.monotonic() - used < FRESH_S:
        return
    try:
        dialect.do_ping(connection)
    except psycopg.Error:
        raise InvalidatePoolError from None  # all of the pool are of the same server: the next is made anew


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
