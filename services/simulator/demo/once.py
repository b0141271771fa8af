"""What the synthetic reader, secretary and patient do when nobody sits at the browser."""

import itertools
from collections.abc import Callable, Sequence

from services.simulator.demo.display import name
from services.simulator.demo.forms import Browser
from services.simulator.demo.patient import Patient
from services.simulator.demo.people import People
from services.simulator.demo.reader import Reader
from services.simulator.demo.secretary import Secretary
from services.simulator.demo.steps import FOLLOW_UP, Progress, Step

Say = Callable[[str], None]


def sign_all(hub: str, who: People, cases: Sequence[Progress], say: Say) -> None:
    """The synthetic reader signs every case, and accepts, corrects and rejects in turn.

    Raises:
        HubError: a page is not as expected, or the hub says no.
    """
    decisions = itertools.cycle(("accept", "correct", "reject"))
    with Browser(hub) as browser:
        reader = Reader(browser, who.synthetic)
        for case in cases:
            decided = reader.sign(case, "none" if case.refused else next(decisions))
            if decided == "accept" and case.flagged:
                case.awaits |= FOLLOW_UP
            say(f"{name(case)}: signed by the synthetic reader; the model's answer: {decided}")


def confirm_all(hub: str, who: People, cases: Sequence[Progress], say: Say) -> None:
    """The synthetic secretary confirms the follow-ups that were proposed.

    Raises:
        HubError: a page is not as expected, or the hub says no.
    """
    with Browser(hub) as browser:
        secretary = Secretary(browser, who.synthetic_secretary)
        for case in cases:
            if Step.PROPOSED in case.at and Step.BOOKED not in case.at:
                secretary.confirm(case)
                say(f"{name(case)}: follow-up confirmed by the synthetic secretary")


def read_as_patient(hub: str, telephone: str, case: Progress, say: Say) -> None:
    """The synthetic patient of a case signs in with a code and reads the released result.

    Raises:
        HubError: a page is not as expected, or the hub says no.
    """
    case.awaits |= {Step.SEEN}
    with Browser(hub) as browser:
        shown = Patient(browser, telephone, case.examination).read(case)
    told = "reads the signed report" if shown else "does not find the report"
    say(f"{name(case)}: the synthetic patient signs in with a code from the telephone, and {told}")
