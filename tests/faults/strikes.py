"""What can break on a bad day; each breaks for as long as its block lasts and is mended at its end."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import psycopg
from books import WAITING, address
from disks import Disk
from psycopg import sql

from services.simulator.mood import Mood
from shared.embedded import Hub

WORST_MOMENT_S: Final = 15.0
"""How long to wait for the moment in which a crash does the most harm; without it, any moment."""


WAITS: Final = (
    "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.relation = %s::regclass AND NOT l.granted AND a.query ILIKE %s LIMIT 1"
)


@dataclass(frozen=True)
class Site:
    """What can be broken.

    Attributes:
        pixels: the disk of imaging's store.
        data: the disk of the database, where it has one of its own.
    """

    hub: Hub
    pixels: Disk
    data: Disk | None = None


@dataclass(frozen=True)
class Fault:
    """One thing that breaks.

    Attributes:
        lasts_s: how long nobody mends it.
        felt: whether senders are refused meanwhile; then it lasts until one was.
    """

    name: str
    how: str
    lasts_s: float
    strike: Callable[[Site], AbstractContextManager[None]]
    felt: bool = False


@contextmanager
def broker_killed(site: Site) -> Iterator[None]:
    """The broker crashes."""
    site.hub.stack.kill_broker()
    yield
    site.hub.stack.start_broker()


@contextmanager
def broker_full(site: Site) -> Iterator[None]:
    """The broker thinks its disk too full and stops listening to publishers."""
    site.hub.stack.rabbitmq.control("set_disk_free_limit", "100000GB")
    yield
    site.hub.stack.rabbitmq.control("set_disk_free_limit", "200MB")


@contextmanager
def database_killed(site: Site) -> Iterator[None]:
    """The database crashes."""
    site.hub.stack.kill_database()
    yield
    site.hub.stack.start_database()


@contextmanager
def database_full(site: Site) -> Iterator[None]:
    """The disk of the database is full, log included; an operator makes room and starts what has stopped."""
    if site.data is None:
        raise ValueError("this database has no disk of its own")
    site.data.fill()
    yield
    site.data.free()
    try:
        psycopg.connect(address(site.hub, "imaging"), connect_timeout=5).close()
    except psycopg.OperationalError:
        site.hub.stack.kill_database()
        site.hub.stack.start_database()


@contextmanager
def pixels_full(site: Site) -> Iterator[None]:
    """No room for another picture."""
    site.pixels.fill()
    yield
    site.pixels.free()


@contextmanager
def worker_killed(site: Site) -> Iterator[None]:
    """The worker dies when it has read a study and not yet said so."""
    with _nobody_writes(site.hub, "imaging", "analysis") as waits:
        _in_time(waits)
        site.hub.kill("imaging-worker")
    site.hub.wait_ready("imaging-worker")
    yield


@contextmanager
def relays_killed(site: Site) -> Iterator[None]:
    """The relays die when the broker has their messages and their rows do not say so."""
    for service in ("gateway", "imaging", "results_sharing"):
        relay = f"{service}-relay"
        site.hub.kill(relay, signal.SIGSTOP)
        with psycopg.connect(address(site.hub, service), autocommit=True) as database:
            _in_time(lambda of=database: bool(of.execute(f"{WAITING} HAVING count(*) > 0").fetchall()))
        with _nobody_writes(site.hub, service, "outbox", "UPDATE outbox%") as waits:
            site.hub.kill(relay, signal.SIGCONT)
            _in_time(waits)
            site.hub.kill(relay)
        site.hub.wait_ready(relay)
    yield


@contextmanager
def doors_killed(site: Site) -> Iterator[None]:
    """The api processes die while the hospital sends."""
    for name in ("gateway-api", "imaging-api", "results_sharing-api"):
        site.hub.kill(name)
    yield


@contextmanager
def hospital_fails(site: Site) -> Iterator[None]:
    """The hospital's server answers 503."""
    _tell(site, Mood(behaviour="dead"))
    yield
    _tell(site, Mood())


@contextmanager
def hospital_hangs(site: Site) -> Iterator[None]:
    """The hospital's server takes reports and does not answer."""
    _tell(site, Mood(behaviour="slow", seconds=120))
    yield
    _tell(site, Mood())


@contextmanager
def hospital_cuts(site: Site) -> Iterator[None]:
    """The hospital's server stores reports and breaks off; then it dies with connections open."""
    _tell(site, Mood(behaviour="cut"))
    yield
    site.hub.kill("simulator-api")
    site.hub.wait_ready("simulator-api")


def _tell(site: Site, mood: Mood) -> None:
    door = f"{site.hub.url('simulator-api')}/control"
    httpx.put(door, json=mood.model_dump(), timeout=30).raise_for_status()


@contextmanager
def _nobody_writes(hub: Hub, service: str, table: str, query: str = "%") -> Iterator[Callable[[], bool]]:
    """A table in which nothing can be written; what it gives says whether such a query waits to."""
    there = address(hub, service)
    with psycopg.connect(there) as holder, psycopg.connect(there, autocommit=True) as watcher:
        holder.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(table)))
        yield lambda: bool(watcher.execute(WAITS, [table, query]).fetchall())


def _in_time(moment: Callable[[], bool]) -> None:
    """Wait for a moment, but not for ever: a crash hurts at any."""
    deadline = time.monotonic() + WORST_MOMENT_S
    while time.monotonic() < deadline and not moment():
        time.sleep(0.01)


FAULTS: Final = (
    Fault("broker killed", "SIGKILL, started again 3 s later", 3, broker_killed),
    Fault("database killed", "SIGKILL, started again 3 s later", 3, database_killed, felt=True),
    Fault("worker killed", "SIGKILL, having read a study and not yet said so", 1, worker_killed),
    Fault("relays killed", "SIGKILL, the broker having what the outbox still holds", 1, relays_killed),
    Fault("doors killed", "SIGKILL of the api processes while the hospital sends", 1, doors_killed),
    Fault("hospital fails", "its server answers 503 for 10 s", 10, hospital_fails),
    Fault("hospital hangs", "its server does not answer for 25 s", 25, hospital_hangs),
    Fault("hospital cuts", "its server stores and answers 502 for 10 s, then SIGKILL", 10, hospital_cuts),
    Fault("pixel disk full", "no room for 10 s", 10, pixels_full, felt=True),
    Fault("broker disk alarm", "publishers blocked for 40 s by disk_free_limit", 40, broker_full),
    Fault("database disk full", "no room for 15 s, write-ahead log included", 15, database_full, felt=True),
)
