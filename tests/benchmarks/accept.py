"""Accepted messages a second at the gateway, beside its own limit: validation and one commit, in one process too."""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
import psycopg
from fhir.resources.R4B import get_fhir_model_class
from servers import address

from services.simulator import fhir
from services.simulator.domain import examinations
from shared.embedded import Hub

CLIENTS = 8
"""Connections kept open; more gave no more accepted messages."""

SEED = 41


def bundles(count: int) -> list[bytes]:
    """Announcements of different patients, as the simulated hospital sends them (four resources and a header)."""
    return [orjson.dumps(fhir.announcement(made)) for made in examinations(SEED, count, datetime.now(UTC))]


def accepted_per_second(hub: Hub, token: str, bodies: Sequence[bytes]) -> float:
    """Send all to the gateway's process, each over one of the open connections.

    Raises:
        AssertionError: one was not accepted.
    """
    address = urlsplit(hub.url("gateway-api"))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    local = threading.local()

    def send(body: bytes) -> None:
        if not hasattr(local, "line"):
            local.line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        local.line.request("POST", "/fhir/$process-message", body, headers)
        answer = local.line.getresponse()
        text = answer.read()
        assert answer.status == 200, text[:300]

    return _rate(send, bodies)


def limit_per_second(hub: Hub, bodies: Sequence[bytes]) -> float:
    """What no gateway of one process can beat: read, validate each resource, commit one row, on as many threads."""
    url = address(hub, "gateway")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_limit (id bigserial PRIMARY KEY, body bytea NOT NULL)")
    local = threading.local()

    def validate_and_commit(body: bytes) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url)
        for entry in orjson.loads(body)["entry"]:
            resource = entry["resource"]
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        with local.connection.transaction():
            local.connection.execute("INSERT INTO bench_limit (body) VALUES (%s)", (body,))

    rate = _rate(validate_and_commit, bodies)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_limit")
    return rate


def _rate(work: Callable[[bytes], None], bodies: Sequence[bytes]) -> float:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, bodies[:CLIENTS]))
        started = time.perf_counter()
        list(pool.map(work, bodies[CLIENTS:]))
        return (len(bodies) - CLIENTS) / (time.perf_counter() - started)
