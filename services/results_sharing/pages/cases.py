"""What readers look at: the worklist and one case; the look is recorded before a word of it goes out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.results_sharing import reading
from services.results_sharing.pages import words
from services.results_sharing.pages.steps import Typed, page_of
from shared import web
from shared.errors import HubError
from shared.http import principal
from shared.security import Principal

router = APIRouter()

Reader = Annotated[Principal, Depends(principal)]


@router.get("/worklist")
def worklist(request: Request, who: Reader) -> Response:
    """Everything that waits, in reading order, and what was signed lately."""
    lists = reading.open_worklist(who)
    return web.render("results_sharing/worklist.html", request, lists=lists, targets=reading.targets().of, words=words)


@router.get("/cases/{case_id}")
def case(request: Request, case_id: str, who: Reader) -> Response:
    """One case, as far as this reader may see it."""
    return show(request, who, case_id)


def show(
    request: Request, who: Principal, case_id: str, *, error: HubError | None = None, typed: Typed | None = None
) -> Response:
    """The page of a case; after a refusal it says why, and what was typed stands where it was typed."""
    view = reading.open_case(who, case_id)
    return web.render(
        "results_sharing/case.html",
        request,
        status=error.status if error else 200,
        page=page_of(view, typed or Typed()),
        view=view,
        error=error,
        words=words,
    )
