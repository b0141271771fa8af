"""A patient's own page, `/me`: results once they are released, appointments, and who looked at the data."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.results_sharing.domain.looks import Look
from services.results_sharing.domain.report import Status
from services.results_sharing.pages.plain import DID, MODALITIES, ROLES, WORDS
from services.results_sharing.reading import patient
from services.results_sharing.settings import settings
from shared import web
from shared.errors import Conflict
from shared.http import principal
from shared.security import Principal
from shared.web.language import day_in, language, time_in

router = APIRouter(prefix="/me")

Patient = Annotated[Principal, Depends(principal)]
Before = Annotated[int | None, Query(ge=1, lt=2**63)]
NEWEST: Final = 5
A_PAGE: Final = 20
ANONYMOUS: Final = "anonymous"


@router.get("")
def me(request: Request, who: Patient, lang: str = "") -> Response:
    """Everything at a glance."""
    spoken = language(request, lang)
    results, looks = patient.my_results(who, NEWEST)
    return web.render(
        "results_sharing/me.html",
        request,
        lang=spoken,
        words=WORDS[spoken],
        results=[_result(one, spoken) for one in results],
        looks=[_look(one, spoken) for one in looks],
    )


@router.get("/access")
def access(request: Request, who: Patient, lang: str = "", before: Before = None) -> Response:
    """Who looked, a page at a time."""
    spoken = language(request, lang)
    looks = patient.who_looked(who, A_PAGE + 1, before)
    return web.render(
        "results_sharing/access.html",
        request,
        lang=spoken,
        words=WORDS[spoken],
        looks=[_look(one, spoken) for one in looks[:A_PAGE]],
        older=looks[A_PAGE - 1].number if len(looks) > A_PAGE else None,
    )


@router.post("/results/{case_id}/sooner")
def sooner(request: Request, who: Patient, case_id: str, lang: Annotated[str, Form(max_length=2)] = "") -> Response:
    """The patient wants a held result before the appointment; if it is released meanwhile, the page shows it."""
    with suppress(Conflict):  # released while the page was open: what the patient wanted has come true
        patient.want_sooner(who, case_id)
    return RedirectResponse(f"/me?lang={language(request, lang)}#{quote(case_id, safe='')}", status_code=303)


def _result(one: patient.Result, lang: str) -> dict[str, Any]:
    words, zone = WORDS[lang], settings().time_zone
    modality = MODALITIES[lang].get(one.modality or "")
    names = [name for name in (modality, one.exam) if name]
    return {
        "id": one.case_id,
        "title": names[0] if names else words["exam"],
        "exam": names[1] if len(names) > 1 else None,
        "taken": _taken(one.taken, lang),
        "withdrawn": one.status is Status.ENTERED_IN_ERROR,
        "changed": one.status is Status.AMENDED,
        "signer": one.signer,
        "signed": time_in(lang, one.signed_at, zone),
        "text": one.text,
        "until": time_in(lang, one.until, zone) if one.until else None,
        "wished": words["wished"].format(when=time_in(lang, one.wished_at, zone)) if one.wished_at else None,
        "program": one.program,
    }


def _taken(said: str | None, lang: str) -> str | None:
    """The day of the exam: FHIR's dateTime may be a year or a month only, which is left as it is."""
    if said is None or len(said) < len("YYYY-MM-DD"):
        return said
    zone = settings().time_zone
    if "T" not in said:
        noon = timedelta(hours=12)
        return day_in(lang, datetime.combine(date.fromisoformat(said), datetime.min.time(), zone) + noon, zone)
    return day_in(lang, datetime.fromisoformat(said), zone)


def _look(one: Look, lang: str) -> dict[str, Any]:
    words = WORDS[lang]
    name = words["you"] if one.own else words["somebody"] if one.name == ANONYMOUS else one.name
    role = None if one.own or one.name == ANONYMOUS else ROLES[lang].get(one.role, one.role)
    return {"when": time_in(lang, one.at, settings().time_zone), "name": name, "role": role, "did": DID[lang][one.kind]}
