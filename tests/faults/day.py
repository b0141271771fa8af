"""One bad day: faults strike one after another under steady load, and after each the hub has to come back by itself."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from books import Books
from judge import EXPLAINED, Verdict, judge
from ledger import Ledger
from strikes import Fault, Site
from traffic import Traffic

from services.simulator.demo.people import People
from shared.embedded import Hub

LOOK_EVERY_S: Final = 0.1
RECOVERY_S: Final = 60.0
"""Whoever is not back by then has not recovered."""

REST_S: Final = 120.0
"""For everything to come to its end once nobody sends any more."""

BEFORE: Final = "before"
"""The window in which nothing is broken."""


@dataclass(frozen=True)
class Recovery:
    """How a fault went.

    Attributes:
        broken_s: from the strike until it was mended.
        first_s: from the strike until a study that was accepted after it was mended has its preliminary result;
            None: it did not come in time.
        drained_s: from the mending until all accepted before it is through: results there, signed reports delivered.
        refused: how often a sender got no 2xx and sent again.
    """

    fault: Fault
    broken_s: float
    first_s: float | None
    drained_s: float | None
    refused: int

    @property
    def words(self) -> str:
        """One line of it."""
        first = f"first result after {self.first_s:.1f} s" if self.first_s else "no result in time"
        drained = f"backlog gone after {self.drained_s:.1f} s" if self.drained_s else "a backlog that stays"
        return f"down {self.broken_s:.1f} s, {first}, {drained}, {self.refused} sent again"


@dataclass(frozen=True)
class Day:
    """What came of it."""

    recoveries: Sequence[Recovery]
    skipped: Sequence[Fault]
    verdict: Verdict


def live(
    site: Site, who: People, faults: Sequence[Fault], *, pace: float, limit_s: float, tell: Callable[[str], None]
) -> Day:
    """Work through a day.

    Args:
        pace: studies a second.
        limit_s: no fault strikes later than this.
        tell: is given a sentence for each step.
    """
    ledger, books, over_at = Ledger(), Books(site.hub), time.monotonic() + limit_s
    traffic = Traffic(site.hub, who, ledger, pace=pace, window=BEFORE)
    traffic.start()
    try:
        _until(books, lambda: len(books.waits.keys() & {one.uid for one in ledger.entries()}) > 1)
        recoveries: list[Recovery] = []
        for fault in faults:
            if time.monotonic() > over_at:
                break
            tell(f"{fault.name}: {fault.how} ...")
            recoveries.append(_survive(fault, site, traffic, ledger, books))
            tell(f"{fault.name}: {recoveries[-1].words}")
    finally:
        traffic.stop()
    _until(books, lambda: _at_rest(ledger, books) and books.waiting() == 0, REST_S)
    verdict = judge(ledger, books, unexplained=lambda: _unexplained(site.hub))
    books.close()
    return Day(recoveries, faults[len(recoveries) :], verdict)


def _survive(fault: Fault, site: Site, traffic: Traffic, ledger: Ledger, books: Books) -> Recovery:
    traffic.window = fault.name
    refused, struck = ledger.refused, time.monotonic()
    with fault.strike(site):
        mend_at = time.monotonic() + fault.lasts_s
        _until(books, lambda: time.monotonic() > mend_at and (not fault.felt or ledger.refused > refused))
    mended = time.monotonic()

    def fresh() -> bool:
        accepted = [one.uid for one in ledger.entries() if one.accepted_at and one.accepted_at > mended]
        return any(uid in books.waits for uid in accepted)

    first = _until(books, fresh)
    drained = _until(books, lambda: _through(ledger, books, mended))
    calm = time.monotonic()
    _until(books, lambda: _through(ledger, books, calm))  # or two faults would be measured as one
    return Recovery(
        fault,
        broken_s=mended - struck,
        first_s=first and first - struck,
        drained_s=drained and drained - mended,
        refused=ledger.refused - refused,
    )


def _through(ledger: Ledger, books: Books, moment: float) -> bool:
    """Whether everything accepted or signed before a moment has come to its next stop."""
    for one in ledger.entries():
        if one.accepted_at and one.accepted_at < moment and one.uid not in books.waits:
            return False
        if one.signed_at and one.signed_at < moment and books.cases[one.uid].state != "delivered":
            return False
    return True


def _at_rest(ledger: Ledger, books: Books) -> bool:
    """Whether nothing is on its way any more, a report neither whose signer never got the answer."""
    known = [books.cases[one.uid].state for one in ledger.entries() if one.uid in books.cases]
    return _through(ledger, books, time.monotonic()) and EXPLAINED.issuperset(known)


def _until(books: Books, done: Callable[[], bool], within_s: float = RECOVERY_S) -> float | None:
    """When it was so; None when it did not come to be in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        books.look()
        if done():
            return time.monotonic()
        time.sleep(LOOK_EVERY_S)
    return None


def _unexplained(hub: Hub) -> int:
    """What `hub cases` says."""
    command = [sys.executable, "-m", "shared.cli", "cases", "--json"]
    done = subprocess.run(command, env=hub.environment, capture_output=True, text=True, check=False, timeout=60)
    return int(json.loads(done.stdout)["unexplained"])
