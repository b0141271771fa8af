"""A synthetic patient, named as such: asks for a code, reads it on the telephone, and opens the own page."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from services.simulator.demo.forms import Browser
from services.simulator.demo.reader import REPORTS
from services.simulator.demo.steps import Progress, Step
from services.simulator.domain import Examination
from shared.errors import Unavailable

PAGE: Final = "/me"
CODE_PAGE: Final = "/sign-in/code"
WITHIN: Final = timedelta(seconds=30)
_CODE: Final = re.compile(r"[A-Z0-9]{4}-[A-Z0-9]{4}")
_LOOK_EVERY_S: Final = 0.2


class Patient:
    """Without an account: a number, a date of birth, and a telephone.

    Args:
        telephone: where the simulated hospital shows what it brought to patients.
    """

    def __init__(self, browser: Browser, telephone: str, examination: Examination) -> None:
        self._browser = browser
        self._telephone = telephone
        self._who = {"number": examination.mrn, "born": examination.born.isoformat()}

    def sign_in(self) -> str:
        """Ask for a code, wait for it, type it; returns the page that opens.

        Raises:
            Unavailable: no code came, or the hub says no.
        """
        before = len(self._messages())
        self._browser.submit(CODE_PAGE, CODE_PAGE, **self._who)
        code = self._awaited(before)
        return self._browser.submit(f"{CODE_PAGE}?have=true", "/check", **self._who, code=code)

    def read(self, case: Progress) -> bool:
        """Whether the patient's page shows the report of a case as it was signed."""
        shown = REPORTS[case.examination.picture] in self.sign_in()
        if shown:
            case.at[Step.SEEN] = datetime.now(UTC)
        return shown

    def _awaited(self, before: int) -> str:
        deadline = time.monotonic() + WITHIN.total_seconds()
        while time.monotonic() < deadline:
            came = self._messages()
            if len(came) > before and (found := _CODE.search(came[0])):
                return found[0]
            time.sleep(_LOOK_EVERY_S)
        raise Unavailable("No code came to the patient's telephone", fix="Look at the log of gateway-api.")

    def _messages(self) -> list[str]:
        """The newest first."""
        came = httpx.get(self._telephone, timeout=30).raise_for_status().json()
        return [str(one["text"]) for one in came if one["to"] == self._who["number"]]


def telephone(hospital: str) -> str:
    """Where the simulated hospital shows what it brought to its patients.

    Args:
        hospital: the simulator's own address.
    """
    return f"{hospital}/control/telephone"
