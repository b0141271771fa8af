"""HTTP in: the door of results_sharing, behind which the pages for readers are served, and timelines for systems."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI

from services.results_sharing import pages, panels, store
from services.results_sharing.domain.state import active_hold, not_analysed_reason, state
from services.results_sharing.settings import settings
from services.results_sharing.store import SERVICE, transaction
from shared import ops
from shared.http import Door, create_app, principal
from shared.security import Principal, require_scope
from shared.web import error_page

router = APIRouter()


@router.get("/timelines/{study}")
def timeline(study: str, who: Annotated[Principal, Depends(principal)]) -> dict[str, Any]:
    """How far the case of a study is, by its Study Instance UID; nothing of a patient, nothing that a model found.

    Raises:
        NotFound: no event has named this study yet.
    """
    require_scope(who, "Study", "r")
    with transaction() as session:
        case = store.case_of_study(session, study)
        moments = store.timeline_of(session, case.id)
    hold = active_hold(case)
    return {
        "case": case.id,
        "state": str(state(case)),
        "hold": hold.code if hold else None,
        "not_analysed": not_analysed_reason(case),
        "moments": [{"event": one.event, "at": one.at, "heard": one.recorded_at} for one in moments],
    }


def app() -> FastAPI:
    """What `uvicorn --factory services.results_sharing.api:app` serves."""
    routers = [router, pages.router, ops.door(SERVICE, panels.panels)]
    return create_app(Door(SERVICE, settings, error_page=error_page), routers)
