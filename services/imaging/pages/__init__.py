"""HTML for people: how the models are doing at this site; figures of many studies, nothing of a single one."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from services.imaging import store, watching
from services.imaging.domain.drift import Verdict
from services.imaging.domain.intervals import Share
from services.imaging.domain.watching import SMALLEST, agreement
from services.imaging.pages.figures import drift_in_words, figures, share
from services.imaging.settings import settings
from shared import web
from shared.errors import NotFound

router = APIRouter(prefix="/models", include_in_schema=False)

KINDS = {Verdict.DRIFTED: "red", Verdict.SHIFTED: "amber", Verdict.STEADY: "green", Verdict.TOO_FEW: ""}
STAGES = {"live": "green", "canary": "accent", "shadow": "", "disabled": "red"}


@router.get("")
def models(request: Request) -> Response:
    """Each model, and in a line how it is doing."""
    now = datetime.now(UTC)
    with store.transaction() as session:
        known = store.models(session)
        watches = [watching.look(session, known, entry, settings(), now) for entry in known]
    return web.render(
        "imaging/models.html",
        request,
        watches=watches,
        drift=lambda watch: drift_in_words(watch, settings().watch_least),
        agreed=lambda watch: agreement(watch.told),
        enough=_enough,
        share=share,
        stages=STAGES,
        kind=_kind,
    )


@router.get("/{name}/{version}")
def model(request: Request, name: str, version: str) -> Response:
    """One model: where it stands, what it was told to be for, and its figures.

    Raises:
        NotFound: no such model.
    """
    now, chosen = datetime.now(UTC), settings()
    with store.transaction() as session:
        known = store.models(session)
        entry = next((e for e in known if (e.model.name, e.model.version) == (name, version)), None)
        if entry is None:
            raise NotFound("There is no such model", fix="Go back to the list of models.")
        watch = watching.look(session, known, entry, chosen, now)
        history = store.changes(session, name, version)
    return web.render(
        "imaging/model.html",
        request,
        watch=watch,
        model=entry.model,
        history=history,
        figures=list(figures(watch, chosen.watch_least, now.date())),
        window=chosen,
        stages=STAGES,
        kind=_kind(watch),
    )


def _kind(watch: watching.Watch) -> str:
    return KINDS[watch.worst.verdict if watch.worst else Verdict.TOO_FEW]


def _enough(found: Share | None) -> bool:
    return found is not None and found.whole >= SMALLEST
