"""A working day: departments that send at a steady pace and repeat what was not taken, and one reader who signs."""

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from books import Books
from ledger import Entry, Ledger

from services.simulator.demo.forms import Browser, forms_of
from services.simulator.demo.people import People
from services.simulator.demo.reader import IMPRESSIONS, REPORTS
from services.simulator.domain import MIX, examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.errors import HubError

DEPARTMENTS: Final = 32
"""Who can wait for the hub at the same time; when all do, nobody is examined."""

PATIENCE: Final = timedelta(minutes=5)
"""How long a department repeats; longer than any fault here."""


class Traffic:
    """Studies at a pace, and signatures as fast as one reader gives them.

    Args:
        pace: studies a second.
        window: names the fault of the moment; every new examination is booked under it.
    """

    def __init__(self, hub: Hub, who: People, ledger: Ledger, *, pace: float, window: str) -> None:
        self.window = window
        self._ledger = ledger
        self._worklist = Books(hub)
        self._pause_s = 1 / pace
        self._over = threading.Event()
        self._hospital = Hospital(hub.public_url, who.token, patience=PATIENCE, wait=ledger.refuse)
        self._departments = ThreadPoolExecutor(DEPARTMENTS, "department")
        self._free = threading.Semaphore(DEPARTMENTS)
        self._reader = Colleague(hub.public_url, who)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._send, self._sign)]

    def start(self) -> None:
        """Begin the day."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new studies; what was begun is sent to its end."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._departments.shutdown(wait=True)

    def _send(self) -> None:
        seed = random.SystemRandom().randrange(10**6)
        for number in itertools.count():
            self._free.acquire()
            made = examination(seed, number, datetime.now(UTC), *MIX[number % len(MIX)])
            self._departments.submit(self._bring, self._ledger.open(made, self.window))
            if self._over.wait(self._pause_s):
                return

    def _bring(self, entry: Entry) -> None:
        try:
            entry.send(self._hospital)
        except HubError as error:
            entry.given_up = error.message
        finally:
            self._free.release()

    def _sign(self) -> None:
        while not self._over.wait(self._pause_s):
            self._worklist.look()
            ready = [one for one in self._ledger.entries() if not one.signed_at and one.uid in self._worklist.waits]
            for entry in ready[-1:]:
                with suppress(HubError, httpx.TransportError):  # a person tries again
                    self._reader.sign(entry, self._worklist.cases[entry.uid].id)
        self._worklist.close()


class Colleague:
    """The synthetic reader, who goes on where a page that did not answer left them."""

    def __init__(self, hub: str, who: People) -> None:
        self._browser = Browser(hub)
        self._browser.submit("/sign-in", "/sign-in", username=who.synthetic.name, password=who.synthetic.password)

    def sign(self, entry: Entry, case: str) -> None:
        """Review and sign; it is signed when the page of the case says so.

        Raises:
            HubError: the page says no, or is not there.
        """
        picture, path = entry.examination.picture, f"/cases/{case}"
        steps = {
            "impression": {"impression": IMPRESSIONS[picture]},
            "decision": {"decision": "accept"},
            "sign": {"text": REPORTS[picture]},
        }
        for action, answers in steps.items():
            if action in self._offered(path):
                self._browser.submit(path, action, **answers)
        if "addendum" in self._offered(path):
            entry.note_signature()

    def _offered(self, path: str) -> set[str]:
        forms = forms_of(self._browser.open(path))
        return {form.action.partition("?")[0].rpartition("/")[2] for form in forms}
