"""The private servers: on loopback alone, closed without a password, run by nobody in particular, and durable."""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pika
import psycopg
import pytest
from pika.exceptions import ProbableAuthenticationError

from shared.embedded import Stack

LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
"""127.0.0.1 and ::1, as the kernel writes them."""


def servers() -> dict[Path, str]:
    """The servers that this process started (its children that work in a folder of the stack), by name."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = re.search(r"\) \S (\d+)", (process / "stat").read_text())
            if parent and int(parent[1]) == os.getpid():
                found[process] = (process / "comm").read_text().strip()
    return found


def listens_on(process: Path) -> set[str]:
    """Addresses on which a process listens."""
    sockets = {link.readlink().name for link in (process / "fd").iterdir()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets}


def test_each_service_has_a_database_that_only_its_own_password_opens(hub_stack: Stack) -> None:
    url = hub_stack.environment()["HUB_IMAGING_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("select current_user, current_database()").fetchone() == ("hub_imaging",) * 2
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url, password="a guess")  # noqa: S106 - the point of the test
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(url, dbname="hub_gateway")


def test_booking_can_exclude_overlapping_times(hub_stack: Stack) -> None:
    url = hub_stack.environment()["HUB_IMAGING_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("select 1 from pg_extension where extname = 'btree_gist'").fetchone() == (1,)


def test_the_broker_knows_no_guest(hub_stack: Stack) -> None:
    parameters = pika.URLParameters(hub_stack.environment()["HUB_BROKER_URL"])
    parameters.credentials = pika.PlainCredentials("guest", "guest")
    with pytest.raises(ProbableAuthenticationError):
        pika.BlockingConnection(parameters)


@pytest.mark.usefixtures("hub_stack")
def test_the_servers_listen_on_loopback_only_and_never_run_as_root() -> None:
    started = {process: name for process, name in servers().items() if name in {"postgres", "beam.smp", "epmd"}}
    assert set(started.values()) == {"postgres", "beam.smp", "epmd"}
    for process in started:
        assert process.stat().st_uid != 0
        assert listens_on(process)
        assert listens_on(process) <= LOOPBACK


def test_a_crashed_broker_and_a_crashed_database_come_back_with_their_data(
    hub_stack: Stack, database: Callable[[str], str]
) -> None:
    parameters = pika.URLParameters(hub_stack.environment()["HUB_BROKER_URL"])
    arguments = {"x-queue-type": "quorum"}
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("crash-test", durable=True, arguments=arguments)
        channel.basic_publish("", "crash-test", b"kept", pika.BasicProperties(delivery_mode=2))
    assert _is_registered(hub_stack, "crash-test")
    url = database("imaging").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as committed:
        committed.execute("create table crash_test as select 'kept' as word")

    hub_stack.kill_broker()
    hub_stack.kill_database()
    hub_stack.start_database()
    hub_stack.start_broker()

    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        assert channel.basic_get("crash-test", auto_ack=True)[2] == b"kept"
        channel.queue_delete("crash-test")
    with psycopg.connect(url, autocommit=True) as again:
        assert again.execute("select word from crash_test").fetchone() == ("kept",)
        again.execute("drop table crash_test")


def _is_registered(stack: Stack, queue: str) -> bool:
    """Wait until RabbitMQ has written down a new quorum queue.

    Seen in 3.10: it does so up to a second after it has confirmed the queue and messages in it; killed before, the
    queue never answers again. Ours are declared long before anything happens.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for register in stack.rabbitmq.folder.glob("data/*/quorum/*/names.dets"):
            if queue.encode() in register.read_bytes():
                return True
        time.sleep(0.1)
    return False
