"""A synthetic secretary, named as such: confirms follow-ups on the day's page, as a person does."""

from typing import Final

from services.simulator.demo.forms import Browser, forms_of
from services.simulator.demo.people import SignIn
from services.simulator.demo.steps import Progress
from shared.errors import InvalidResource

PAGE: Final = "/appointments/day"


class Secretary:
    """Signed in with its own account."""

    def __init__(self, browser: Browser, sign_in: SignIn) -> None:
        self._browser = browser
        browser.submit("/sign-in", "/sign-in", username=sign_in.name, password=sign_in.password)

    def confirm(self, case: Progress) -> None:
        """Book the first time that is offered for a case's patient.

        Raises:
            InvalidResource: nobody of this name waits, or no time is free.
            Unavailable: the hub says no.
        """
        patient = f"{case.examination.family}, {case.examination.given}"
        waiting = [
            form
            for form in forms_of(self._browser.open(PAGE))
            if form.action.endswith("/book") and patient in form.text
        ]
        if not waiting:
            raise InvalidResource("The day's page offers no time for this patient", expression=PAGE)
        for form in waiting:
            self._browser.submit(PAGE, form.action)
