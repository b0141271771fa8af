"""The hospital's own ledger: what the hub answered with a 2xx, and when; nothing of it may be lost or done twice."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from services.simulator import laboratory
from services.simulator.domain import Examination
from services.simulator.hospital import Hospital


class Part(StrEnum):
    """What the hospital sends of an examination; each gets its own answer."""

    ANNOUNCEMENT = "announcement"
    FILES = "files"
    RESULTS = "results"


@dataclass
class Entry:
    """One examination.

    Attributes:
        window: the fault during which it was sent.
        accepted: the parts that got a 2xx.
        accepted_at: when announcement and files both had one (monotonic); None before.
        signed_at: when a reader saw their report signed (monotonic).
        given_up: why the sender stopped trying.
    """

    examination: Examination
    window: str
    accepted: set[Part] = field(default_factory=set)
    accepted_at: float | None = None
    signed_at: float | None = None
    given_up: str | None = None

    @property
    def uid(self) -> str:
        """Study Instance UID."""
        return self.examination.study_uid

    def send(self, hospital: Hospital) -> None:
        """Send everything in the order that the examination wants, and note each 2xx."""
        order = [Part.ANNOUNCEMENT, Part.FILES]
        if self.examination.first == "files":
            order.reverse()
        ways: dict[Part, Callable[[Examination], None]] = {
            Part.ANNOUNCEMENT: hospital.announce,
            Part.FILES: hospital.send_files,
            Part.RESULTS: hospital.send_results,
        }
        for part in order:
            ways[part](self.examination)
            self.accepted.add(part)
        self.accepted_at = time.monotonic()
        ways[Part.RESULTS](self.examination)
        self.accepted.add(Part.RESULTS)

    def note_signature(self) -> None:
        """The page says that the report is signed."""
        self.signed_at = time.monotonic()

    def results(self) -> list[str]:
        """The identifiers of the results that the hub has accepted."""
        sent = laboratory.results(self.examination) if Part.RESULTS in self.accepted else []
        return [one["identifier"][0]["value"] for one in sent]


class Ledger:
    """All entries; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._refused = 0

    def open(self, examination: Examination, window: str) -> Entry:
        """A new examination."""
        entry = Entry(examination, window)
        with self._lock:
            self._entries.append(entry)
        return entry

    def refuse(self, pause_s: float) -> None:
        """The hub did not take something: count it, and wait as long as the sender wants to."""
        with self._lock:
            self._refused += 1
        time.sleep(pause_s)

    @property
    def refused(self) -> int:
        """How often a sender got no 2xx so far."""
        with self._lock:
            return self._refused

    def entries(self) -> list[Entry]:
        """All, in the order in which they were begun."""
        with self._lock:
            return list(self._entries)
