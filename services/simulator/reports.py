"""The reports that the hospital received: every version, in the order of arrival, so that nothing can hide.

With a journal each is on disk before it is acknowledged, as in a real hospital.
"""

import hashlib
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson


@dataclass(frozen=True)
class Received:
    """One arrival of a report.

    Attributes:
        key: `system|value` of the identifier under which the hub sent it.
        id: the hospital's own, the same for every version of the key.
        version: counts the arrivals of the key, from 1.
        digest: SHA-256 of the content as sent, in hex.
    """

    key: str
    id: str
    version: int
    at: str
    digest: str
    resource: dict[str, Any]


class Reports:
    """What was received; safe to use from several threads.

    Args:
        journal: file with one arrival a line; what it holds already is read first.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._journal = journal
        self._received: list[Received] = []
        if journal is not None and journal.exists():
            self._received = [Received(**orjson.loads(line)) for line in journal.read_bytes().splitlines()]

    def take(self, key: str, resource: dict[str, Any]) -> Received:
        """Store what arrived as the current version of its key."""
        with self._lock:
            number = str(uuid5(NAMESPACE_URL, f"https://st-luke.example/report/{key}"))
            version = len(self._versions(key)) + 1
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            digest = hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)).hexdigest()
            meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": now}
            made = Received(key, number, version, now, digest, {**resource, "id": number, "meta": meta})
            self._keep(made)
            self._received.append(made)
            return made

    def current(self, key: str) -> Received | None:
        """The newest version of a report, if it ever came."""
        with self._lock:
            versions = self._versions(key)
            return versions[-1] if versions else None

    def by_id(self, number: str) -> list[Received]:
        """All versions of a report, the oldest first."""
        with self._lock:
            return [one for one in self._received if one.id == number]

    def all(self) -> list[Received]:
        """Every arrival, the oldest first."""
        with self._lock:
            return list(self._received)

    def _versions(self, key: str) -> list[Received]:
        return [one for one in self._received if one.key == key]

    def _keep(self, made: Received) -> None:
        if self._journal is None:
            return
        with self._journal.open("ab") as file:
            file.write(orjson.dumps(vars(made)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
