"""The pages of readers: the worklist, a case, and the acts on it."""

from fastapi import APIRouter

from services.results_sharing.pages import acts, cases

router = APIRouter()
router.include_router(cases.router)
router.include_router(acts.router)

__all__ = ["router"]
