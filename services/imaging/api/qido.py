"""QIDO-RS: searches for studies, series and instances; who looks is recorded before a match goes out.

Source: DICOM PS3.18 10.6 (Search transaction).
"""

from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from services.imaging import store
from services.imaging.api.accepting import DICOM_JSON, require_json
from services.imaging.domain.attributes import ATTRIBUTES, Level
from services.imaging.domain.search import Search, parse_search
from services.imaging.settings import settings
from services.imaging.store import Match
from shared import audit, sittings
from shared.fhir import codes
from shared.http import correlation, principal
from shared.security import require_scope

router = APIRouter(prefix="/dicomweb")

_AVAILABILITY, _ADDRESS = "00080056", "00081190"
_DERIVED: Final = frozenset({_AVAILABILITY, _ADDRESS})


@router.get("/studies")
def search_studies(request: Request) -> Response:
    """Studies."""
    return _answer(request, Level.STUDY)


@router.get("/series")
def search_series(request: Request) -> Response:
    """Series of all studies."""
    return _answer(request, Level.SERIES)


@router.get("/instances")
def search_instances(request: Request) -> Response:
    """Instances of all studies."""
    return _answer(request, Level.INSTANCE)


@router.get("/studies/{study}/series")
def search_study_series(request: Request, study: str) -> Response:
    """Series of a study."""
    return _answer(request, Level.SERIES, study)


@router.get("/studies/{study}/instances")
def search_study_instances(request: Request, study: str) -> Response:
    """Instances of a study."""
    return _answer(request, Level.INSTANCE, study)


@router.get("/studies/{study}/series/{series}/instances")
def search_series_instances(request: Request, study: str, series: str) -> Response:
    """Instances of a series."""
    return _answer(request, Level.INSTANCE, study, series)


def _answer(request: Request, level: Level, study: str | None = None, series: str | None = None) -> Response:
    who = principal(request)
    if who.audience == "system":
        require_scope(who, "Study", "s")
    require_json(request)
    given = Level.INSTANCE if series else Level.SERIES if study else Level.STUDY
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name != "accept"]
    asked = parse_search(level, parameters, given)
    with store.transaction() as session:
        found = store.search(session, asked, study, series)
        listed, more = found[: asked.limit], len(found) > asked.limit
        things = [f"find {uid}" for uid in {match.study for match in listed}] or ["find"]
        if began := sittings.begin(session, who, things):
            entities = [audit.Entity(identifier=codes.study_identifier(thing[5:])) for thing in began if thing[5:]]
            event = audit.audit_event(service="imaging", who=who, kind="dicom-query", action="E", entities=entities)
            audit.record(session, event, service="imaging", correlation=correlation(request))
    response = Response(status_code=204)
    if listed:
        response = Response(orjson.dumps([_shown(match, asked) for match in listed]), media_type=DICOM_JSON)
    for warning in _warnings(asked, more=more):
        response.headers.append("Warning", f"299 {settings().public_url.rstrip('/')}/dicomweb: {warning}")
    return response


def _warnings(asked: Search, *, more: bool) -> list[str]:
    """In the words of PS3.18 8.3.4.2 and 8.3.4.4."""
    said = [
        f"The {name} parameter is not supported. Only literal matching has been performed." for name in asked.ignored
    ]
    if more:
        said.append("There are additional results that can be requested.")
    return said


def _shown(match: Match, asked: Search) -> dict[str, Any]:
    made = {}
    for attribute in ATTRIBUTES:
        if attribute.tag in _DERIVED or not asked.answers(attribute):
            continue
        if attribute.computed:
            made[attribute.tag] = _element(attribute.vr, match.counted[attribute.tag])
        elif attribute.tag in match.attributes:
            made[attribute.tag] = match.attributes[attribute.tag]
        elif attribute.answered == "R":
            made[attribute.tag] = {"vr": attribute.vr}
    place = f"/dicomweb/studies/{match.study}"
    place += f"/series/{match.series}" if match.series else ""
    place += f"/instances/{match.instance}" if match.instance else ""
    made[_AVAILABILITY] = _element("CS", "ONLINE")
    made[_ADDRESS] = _element("UR", settings().public_url.rstrip("/") + place)
    for tag, uid in (("0020000D", match.study), ("0020000E", match.series), ("00080018", match.instance)):
        if uid:
            made[tag] = _element("UI", uid)
    return dict(sorted(made.items()))


def _element(vr: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return {"vr": vr, "Value": values} if values else {"vr": vr}
