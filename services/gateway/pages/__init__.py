"""The gateway's pages: the start, signing in and out, staying signed in, and the operator's."""

from fastapi import APIRouter

from services.gateway.pages import codes, operations, signing, start

router = APIRouter()
router.include_router(start.router, include_in_schema=False)
router.include_router(operations.router, include_in_schema=False)
router.include_router(signing.router, include_in_schema=False)
router.include_router(codes.router, include_in_schema=False)

__all__ = ["router"]
