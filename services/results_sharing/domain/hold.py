"""A study on hold awaits a human, who closes the case or reads what is there; imaging's guard is never overruled.

Source: IHE RAD TF-2 (patient identity in images must match the order).
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from services.results_sharing.domain.case import Case, Resolution
from services.results_sharing.domain.report import Signer
from services.results_sharing.domain.review import require_open, within_limit
from services.results_sharing.domain.state import active_hold
from shared.errors import Conflict, InvalidResource

Action = Literal["reject", "read"]


def resolved(case: Case, action: Action, reason: str, who: Signer, now: datetime) -> Case:
    """The case after a named human's decision.

    Raises:
        Conflict: nothing is on hold, or the case has ended, or what is there may not be read.
        InvalidResource: no reason.
    """
    require_open(case)
    hold = active_hold(case)
    if hold is None:
        raise Conflict("Nothing is on hold in this case")
    if not reason.strip():
        raise InvalidResource("Give a reason", fix="One sentence is enough; it is kept with your name.")
    if action == "read" and hold.code != "incomplete":
        raise Conflict("Only an incomplete study can be read as it is", fix="Reject it, or correct it at its source.")
    return replace(case, resolution=Resolution(action, hold.code, within_limit(reason).strip(), who.account, now))
