"""A synthetic radiologist, named as such: reviews and signs through the same pages and forms as a person."""

from typing import Final

from services.simulator.demo.forms import Browser, forms_of
from services.simulator.demo.people import SignIn
from services.simulator.demo.steps import Progress

REPORTS: Final = {
    "normal": "SYNTHETIC. Chest AP. Lungs clear. Heart size normal. No effusion.",
    "pneumonia": "SYNTHETIC. Chest AP. Patchy opacity, in keeping with pneumonia. No effusion.",
    "adult": "SYNTHETIC. Chest PA of an adult, read without any model. Nodular opacities; compare with earlier films.",
}
FLAGGED: Final = ": flagged<"
"""How the page ends the headline of a finding that the model flagged."""

IMPRESSIONS: Final = {"normal": "normal", "pneumonia": "abnormal", "adult": "cannot tell"}


class Reader:
    """Signed in with its own account.

    Args:
        hub: the hub's public address.
    """

    def __init__(self, browser: Browser, sign_in: SignIn) -> None:
        self._browser = browser
        browser.submit("/sign-in", "/sign-in", username=sign_in.name, password=sign_in.password)

    def sign(self, case: Progress, decision: str = "accept") -> str:
        """Review a case and sign its report.

        Args:
            decision: on the model's answer: accept, correct or reject.

        Returns:
            The decision; `none` where no model answered.
        """
        path = f"/cases/{case.case_id}"
        picture = case.examination.picture
        page = self._browser.submit(path, "/impression", impression=IMPRESSIONS[picture])
        case.flagged = FLAGGED in page
        if any(form.action.endswith("/decision") for form in forms_of(page)):
            self._browser.submit(path, "/decision", decision=decision)
        else:
            decision = "none"
        self._browser.submit(path, "/sign", text=REPORTS[picture])
        return decision
