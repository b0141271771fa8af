"""Bookings a second while many want the same slots, and how long one waits for its yes or no."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from services.scheduling import booking, store
from services.scheduling.domain.appointment import Patient
from services.scheduling.domain.calendar import Schedule, Span, parse_hours
from services.scheduling.domain.refusals import SlotTaken
from services.scheduling.fhir.requests import Wanted
from shared.security import Principal, Role

CLIENTS = 50
SEED = 43
STAFF = Principal("bench", "Bench", Role.SECRETARY, None, "user", frozenset(), "bench")


@dataclass(frozen=True)
class Bookings:
    """What a run showed.

    Attributes:
        decided_per_second: yes or no.
        p50_s, p95_s: from asking to the decision.
        twice: slots with two appointments; must be 0.
    """

    booked: int
    refused: int
    decided_per_second: float
    booked_per_second: float
    p50_s: float
    p95_s: float
    twice: int


def measure(slots: int, wishes: int, clients: int = CLIENTS) -> Bookings:
    """Let clients ask for slots at the same time; each slot is wanted `wishes` times.

    The environment names a migrated, empty database of scheduling (`HUB_SCHEDULING_DATABASE_URL`).
    """
    ids = _prepare(slots)
    wanted = ids * wishes
    random.Random(SEED).shuffle(wanted)  # noqa: S311 (an order, no secret)
    return _ask(wanted, clients, lambda slot: booking.book(STAFF, Wanted(number=slot, patient=_PATIENT.id)))


_PATIENT = Patient(str(uuid4()), "https://st-luke.example/mrn", "BENCH-1", "Bench")


def _prepare(slots: int) -> list[str]:
    hours = parse_hours("mon-sun 00:00-23:55")
    made = Schedule(str(uuid4()), f"Bench {uuid4()}", "bench", "Bench", "Europe/Paris", timedelta(minutes=5), hours)
    begin = datetime.now(UTC) + timedelta(hours=1)
    end = begin + timedelta(minutes=6 * slots) + timedelta(days=1)
    with store.transaction() as session:
        store.add_schedule(session, made)
        store.remember(session, [(_PATIENT, datetime.now(UTC))])
    booking.open_days([made], end)
    with store.transaction() as session:
        return [slot.id for slot in store.free_slots(session, [made.id], Span(begin, end), slots)]


def _ask(wanted: list[str], clients: int, book: Callable[[str], object]) -> Bookings:
    start = threading.Barrier(clients + 1)
    shares = [wanted[number::clients] for number in range(clients)]

    def client(share: list[str]) -> tuple[list[float], list[str]]:
        waited: list[float] = []
        won: list[str] = []
        with store.transaction() as session:  # connections are open before the clock starts
            store.now(session)
        start.wait()
        for slot in share:
            began = time.perf_counter()
            with suppress(SlotTaken):
                book(slot)
                won.append(slot)
            waited.append(time.perf_counter() - began)
        return waited, won

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(client, share) for share in shares]
        start.wait()
        began = time.perf_counter()
        results = [one.result() for one in running]
        seconds = time.perf_counter() - began
    waited = sorted(one for times, _ in results for one in times)
    won = [slot for _, slots in results for slot in slots]
    return Bookings(
        booked=len(won),
        refused=len(waited) - len(won),
        decided_per_second=len(waited) / seconds,
        booked_per_second=len(won) / seconds,
        p50_s=waited[len(waited) // 2],
        p95_s=waited[min(int(len(waited) * 0.95), len(waited) - 1)],
        twice=len(won) - len(set(won)),
    )
