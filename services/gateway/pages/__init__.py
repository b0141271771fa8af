"""The gateway's pages: the start, signing in and out, and staying signed in."""

from fastapi import APIRouter

from services.gateway.pages import codes, signing, start

router = APIRouter()
router.include_router(start.router, include_in_schema=False)
router.include_router(signing.router, include_in_schema=False)
router.include_router(codes.router, include_in_schema=False)

__all__ = ["router"]
