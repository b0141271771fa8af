"""The pages of readers (the worklist, a case, and the acts on it), and a patient's own page."""

from fastapi import APIRouter

from services.results_sharing.pages import acts, cases, me

router = APIRouter()
router.include_router(cases.router)
router.include_router(acts.router)
router.include_router(me.router)

__all__ = ["router"]
