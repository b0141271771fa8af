"""What readers do: each form is sent, done in one transaction, and answered with a redirect to the case.

A refusal shows the case as it is now, with the reason on top and the typed text where it was.
Source: https://en.wikipedia.org/wiki/Post/Redirect/Get
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from services.results_sharing import reading
from services.results_sharing.domain.hold import Action
from services.results_sharing.domain.review import Decision, Impression
from services.results_sharing.pages.cases import Reader, show
from services.results_sharing.pages.steps import Typed
from shared.errors import Conflict, InvalidResource
from shared.security import Principal

router = APIRouter(prefix="/cases/{case_id}")

Text = Annotated[str, Form()]
Seen = Annotated[int, Form()]


@router.post("/impression")
def impression(request: Request, case_id: str, who: Reader, impression: Annotated[Impression, Form()]) -> Response:
    """The reader's own first impression."""
    return _done(request, who, case_id, lambda: reading.give_impression(who, case_id, impression))


@router.post("/reveal")
def reveal(request: Request, case_id: str, who: Reader) -> Response:
    """The model's answer before a first impression, because it is urgent."""
    return _done(request, who, case_id, lambda: reading.show_now(who, case_id))


@router.post("/decision")
def decision(
    request: Request, case_id: str, who: Reader, decision: Annotated[Decision, Form()], reason: Text = ""
) -> Response:
    """What the reader makes of the model's answer."""
    return _done(
        request, who, case_id, lambda: reading.decide(who, case_id, decision, reason), Typed(decision_reason=reason)
    )


@router.post("/draft", status_code=204)
def draft(case_id: str, who: Reader, text: Text = "") -> Response:
    """Keep what is typed so far; the page sends it by itself.

    Raises:
        Conflict: the case has ended meanwhile.
    """
    reading.keep_draft(who, case_id, text)
    return Response(status_code=204)


@router.post("/sign")
def sign(
    request: Request,
    case_id: str,
    who: Reader,
    text: Text = "",
    announced: Text = "",
    appointment: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """The report, signed with the reader's name; the patient reads it at once, or from an appointment on."""
    ticked = announced == "yes"
    return _done(
        request,
        who,
        case_id,
        lambda: reading.sign(who, case_id, text, announced=ticked, appointment=appointment),
        Typed(report=text, announced=ticked, appointment=appointment),
    )


@router.post("/release")
def release(request: Request, case_id: str, who: Reader) -> Response:
    """The patient may read the report now, before the appointment."""
    return _done(request, who, case_id, lambda: reading.let_go(who, case_id))


@router.post("/addendum")
def addendum(request: Request, case_id: str, who: Reader, seen: Seen, text: Text = "") -> Response:
    """More, under a new signature."""
    return _done(request, who, case_id, lambda: reading.amend(who, case_id, text, seen), Typed(addendum=text))


@router.post("/withdraw")
def withdraw(
    request: Request, case_id: str, who: Reader, seen: Seen, reason: Text = "", confirmed: Text = ""
) -> Response:
    """The report was entered in error; the reader has to say so twice."""

    def confirmed_withdrawal() -> None:
        if confirmed != "yes":
            raise InvalidResource(
                "The withdrawal is not confirmed", fix="Tick the box that says the hospital will be told."
            )
        reading.withdraw(who, case_id, reason, seen)

    return _done(request, who, case_id, confirmed_withdrawal, Typed(withdrawal=reason))


@router.post("/hold")
def hold(request: Request, case_id: str, who: Reader, action: Annotated[Action, Form()], reason: Text = "") -> Response:
    """What becomes of a study on hold."""
    return _done(
        request, who, case_id, lambda: reading.resolve_hold(who, case_id, action, reason), Typed(hold_reason=reason)
    )


def _done(
    request: Request, who: Principal, case_id: str, act: Callable[[], object], typed: Typed | None = None
) -> Response:
    try:
        act()
    except (Conflict, InvalidResource) as error:
        return show(request, who, case_id, error=error, typed=typed)
    return RedirectResponse(f"/cases/{case_id}#now", status_code=303)
