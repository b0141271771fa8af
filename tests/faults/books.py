"""What the hub has in its books, read past its own code: SQL of each service, and what arrived at the hospital."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
import psycopg

from services.simulator import laboratory
from shared import embedded
from shared.embedded import Hub
from shared.events import Event
from shared.fhir.codes import REPORT_SYSTEM

ANSWERS: Final = (str(Event.ANALYSIS_COMPLETED), str(Event.ANALYSIS_REFUSED))
CASES: Final = "SELECT study_uid, id, state FROM cases WHERE study_uid IS NOT NULL"
ANSWERED: Final = (
    "SELECT c.study_uid, extract(epoch FROM min(t.recorded_at) - c.received_at) FROM timeline t JOIN cases c"
    " ON c.id = t.case_id WHERE t.event = ANY(%s) GROUP BY c.id"
)
SAID: Final = (
    "SELECT c.study_uid, t.event, count(*) FROM timeline t JOIN cases c ON c.id = t.case_id WHERE t.change = 0"
    " AND c.study_uid IS NOT NULL GROUP BY 1, 2"
)
WAITING: Final = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND due_at <= now()"
LETTERS: Final = "SELECT task, reason, count(*) FROM dead_letter WHERE replayed_at IS NULL GROUP BY 1, 2"
REPORTS: Final = (
    "SELECT value, count(DISTINCT id) FROM identifier WHERE type = 'DiagnosticReport' AND system = %s GROUP BY 1"
)
RESULTS: Final = (
    "SELECT value, count(DISTINCT id) FROM identifier WHERE type = 'Observation' AND system = %s GROUP BY 1"
)
FINDING: Final = "233604007"
MADE: Final = (
    "SELECT i.value, r.type, count(DISTINCT r.id) FROM resource r JOIN identifier i ON i.id = r.patient AND i.type ="
    " 'Patient' WHERE r.type = 'Appointment' OR (r.type = 'Observation' AND"
    " convert_from(r.body, 'UTF8')::jsonb #>> '{code,coding,0,code}' = %s) GROUP BY 1, 2"
)


@dataclass(frozen=True)
class Case:
    """Where a study stands."""

    id: str
    state: str


@dataclass
class Repository:
    """What the gateway keeps, counted.

    Attributes:
        reports: by the value of the hub's own identifier.
        results: of the laboratory, by the hospital's identifier.
        made: by medical record number and type, what one examination may have once.
    """

    reports: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    made: Counter[tuple[str, str]] = field(default_factory=Counter)


class Books:
    """The books of a running hub; while a database is away they say what they said last."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._open: dict[str, psycopg.Connection] = {}
        self._waits: dict[str, float] = {}
        self._cases: dict[str, Case] = {}

    def look(self) -> None:
        """Read anew how far the cases are."""
        try:
            rows = self._rows("results_sharing", ANSWERED, [[*ANSWERS]])
            cases = self._rows("results_sharing", CASES)
        except psycopg.OperationalError:
            return
        self._waits = {uid: float(seconds) for uid, seconds in rows}
        self._cases = {uid: Case(number, state) for uid, number, state in cases}

    @property
    def waits(self) -> Mapping[str, float]:
        """Seconds from the first sign of a study to its preliminary result, of those that have one."""
        return self._waits

    @property
    def cases(self) -> Mapping[str, Case]:
        """Every case by Study Instance UID."""
        return self._cases

    def said(self) -> Counter[tuple[str, str]]:
        """How often each event was said about each study."""
        return Counter({(uid, event): count for uid, event, count in self._rows("results_sharing", SAID)})

    def waiting(self) -> int:
        """What any service has said and no relay has carried yet."""
        return sum(int(self._rows(service, WAITING)[0][0]) for service in embedded.stores())

    def letters(self) -> Counter[str]:
        """Dead letters that wait for a decision."""
        found: Counter[str] = Counter()
        for service in embedded.stores():
            for task, reason, count in self._rows(service, LETTERS):
                found[f"{service}: {task} ({reason})"] = count
        return found

    def repository(self) -> Repository:
        """What the gateway keeps."""
        return Repository(
            Counter(dict(self._rows("gateway", REPORTS, [REPORT_SYSTEM]))),
            Counter(dict(self._rows("gateway", RESULTS, [laboratory.SYSTEM]))),
            Counter({(mrn, kind): count for mrn, kind, count in self._rows("gateway", MADE, [FINDING])}),
        )

    def received(self) -> list[dict[str, Any]]:
        """Every arrival of a report at the hospital: key, version, time and digest."""
        answer = httpx.get(f"{self._hub.url('simulator-api')}/control/received", timeout=30).raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def damaged(self) -> list[str]:
        """Kept files that are not what their name says: half written, or changed."""
        store = Path(self._hub.environment["HUB_IMAGING_STORE_DIR"])
        return [file.name for file in store.glob("??/*.dcm") if sha256(file.read_bytes()).hexdigest() != file.stem]

    def close(self) -> None:
        """Forget the connections."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _rows(self, service: str, query: LiteralString, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        try:
            if service not in self._open:
                self._open[service] = psycopg.connect(address(self._hub, service), autocommit=True, connect_timeout=5)
            return self._open[service].execute(query, values).fetchall()
        except psycopg.Error:
            self._open.pop(service, None)
            raise


def address(hub: Hub, service: str) -> str:
    """The database of a service, without SQLAlchemy's driver name."""
    return hub.environment[f"HUB_{service.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)
