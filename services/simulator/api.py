"""The hospital's FHIR server: takes signed reports and patients' messages, and can be told to misbehave; its archive.

Sources: http://hl7.org/fhir/R4/http.html#cond-update, DICOM PS3.18 10.5 (STOW-RS)
"""

import time
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from services.simulator.archive import Archive
from services.simulator.mood import Control, Mood
from services.simulator.phone import Phone
from services.simulator.reports import Received, Reports
from services.simulator.settings import settings
from shared import telemetry
from shared.errors import Forbidden, HubError, InvalidResource, NotFound, Unavailable
from shared.fhir import outcome
from shared.settings import LOOPBACK
from shared.telemetry import log

FHIR_JSON: Final = "application/fhir+json"
ARRIVALS: Final = Counter("simulator_reports_received", "Reports that the hospital's server met", ["answer"])

router = APIRouter()


def app() -> FastAPI:
    """The hospital's process."""
    telemetry.configure("simulator", "api")
    return hospital(Reports(settings().journal), Control())


def hospital(reports: Reports, control: Control, phone: Phone | None = None) -> FastAPI:
    """The application around its memories."""
    made = FastAPI(title="St Luke (simulated)", docs_url=None, redoc_url=None, openapi_url=None)
    made.state.reports, made.state.control = reports, control
    made.state.phone, made.state.archive = phone or Phone(), Archive()
    made.include_router(router)
    made.add_exception_handler(HubError, _told)
    return made


def _reports(request: Request) -> Reports:
    found: Reports = request.app.state.reports
    return found


def _phone(request: Request) -> Phone:
    found: Phone = request.app.state.phone
    return found


def _control(request: Request) -> Control:
    found: Control = request.app.state.control
    return found


def _archive(request: Request) -> Archive:
    found: Archive = request.app.state.archive
    return found


def _at_the_machine(request: Request) -> Control:
    """The control door is for whoever sits at this machine."""
    if request.client is None or request.client.host not in LOOPBACK:
        raise Forbidden("The control door opens from this machine only")
    return _control(request)


Stored = Annotated[Reports, Depends(_reports)]
Identified = Annotated[str, Query(alias="identifier", pattern=r"^[^|]*\|.+$")]


async def _body(request: Request) -> dict[str, Any]:
    try:
        resource = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise InvalidResource("The body is not JSON") from None
    kind = request.url.path.rpartition("/")[2]
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        raise InvalidResource(f"This door takes a {kind}", expression=kind)
    return resource


@router.put("/fhir/DiagnosticReport")
def take(
    key: Identified,
    resource: Annotated[dict[str, Any], Depends(_body)],
    reports: Stored,
    control: Annotated[Control, Depends(_control)],
) -> Response:
    """Take a report; 201 the first time, 200 after."""
    mood = control.use()
    ARRIVALS.labels(mood.behaviour).inc()
    log.info("report_met", behaviour=mood.behaviour)
    if mood.behaviour == "dead":
        raise Unavailable("The hospital's server is down for now")
    if mood.behaviour == "slow":
        time.sleep(mood.seconds)
    kept = reports.take(key, resource)
    if mood.behaviour == "cut":
        # What a proxy in front makes of a server that breaks off: the report is stored, and the sender cannot know.
        return Response(status_code=502)
    return _answer(kept, 201 if kept.version == 1 else 200)


@router.get("/fhir/DiagnosticReport")
def search(reports: Stored, key: Annotated[str | None, Query(alias="identifier")] = None) -> Response:
    """The current version of one report, or of all."""
    newest = {one.key: one for one in reports.all() if key is None or one.key == key}
    return _bundle("searchset", list(newest.values()))


@router.get("/fhir/DiagnosticReport/{number}/_history")
def history(number: str, reports: Stored) -> Response:
    """Every version that came, the newest first."""
    return _bundle("history", reports.by_id(number)[::-1])


@router.get("/fhir/DiagnosticReport/{number}")
def read(number: str, reports: Stored) -> Response:
    """The current version."""
    versions = reports.by_id(number)
    if not versions:
        raise NotFound("There is no such report here")
    return _answer(versions[-1], 200)


@router.post("/fhir/CommunicationRequest", status_code=201)
def bring(
    request: Annotated[dict[str, Any], Depends(_body)], phone: Annotated[Phone, Depends(_phone)]
) -> dict[str, str]:
    """Bring a text to a patient's telephone; nothing of it is logged."""
    phone.take(request)
    return {"resourceType": "CommunicationRequest", "status": "completed"}


@router.get("/fhir/metadata")
def metadata() -> Response:
    """What this server says of itself."""
    report = {"type": "DiagnosticReport", "conditionalUpdate": True}
    message = {"type": "CommunicationRequest", "interaction": [{"code": "create"}]}
    return _json(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-01",
            "kind": "instance",
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [{"mode": "server", "resource": [report, message]}],
        },
        200,
    )


async def _raw(request: Request) -> bytes:
    return await request.body()


@router.post("/dicomweb/studies")
def store_instances(
    request: Request, body: Annotated[bytes, Depends(_raw)], archive: Annotated[Archive, Depends(_archive)]
) -> Response:
    """Take DICOM instances; one that is here already is fine."""
    status, answer = archive.store(body, request.headers.get("content-type", ""))
    log.info("instances_met", status=status)
    return Response(orjson.dumps(answer), status_code=status, media_type="application/dicom+json")


@router.get("/control/archive")
def archived(
    archive: Annotated[Archive, Depends(_archive)], _: Annotated[Control, Depends(_at_the_machine)]
) -> list[dict[str, Any]]:
    """Every instance of the archive by UIDs and kind, but no contents."""
    return [vars(kept) for kept in archive.all()]


@router.get("/control")
def shown(control: Annotated[Control, Depends(_at_the_machine)]) -> Mood:
    """The present mood."""
    return control.show()


@router.put("/control")
def told(mood: Mood, control: Annotated[Control, Depends(_at_the_machine)]) -> Mood:
    """Behave so from now on."""
    control.set(mood)
    return mood


@router.get("/control/received")
def received(reports: Stored, _: Annotated[Control, Depends(_at_the_machine)]) -> list[dict[str, Any]]:
    """Every arrival with its key, version, time and digest, but no contents."""
    return [{name: value for name, value in vars(one).items() if name != "resource"} for one in reports.all()]


@router.get("/control/telephone")
def telephone(
    phone: Annotated[Phone, Depends(_phone)], _: Annotated[Control, Depends(_at_the_machine)]
) -> list[dict[str, Any]]:
    """What patients read on their telephones, the newest first."""
    return [vars(one) for one in reversed(phone.all())]


@router.get("/healthz")
@router.get("/readyz")
def healthy() -> dict[str, str]:
    """The process stands, and stands on nothing else."""
    return {"status": "ok", "service": "simulator"}


@router.get("/metrics")
def metrics() -> Response:
    """What operators see."""
    return Response(generate_latest(telemetry.registry()), media_type=CONTENT_TYPE_LATEST)


def _answer(kept: Received, status: int) -> Response:
    headers = {"ETag": f'W/"{kept.version}"', "Location": f"/fhir/DiagnosticReport/{kept.id}/_history/{kept.version}"}
    return _json(kept.resource, status, headers)


def _bundle(kind: str, found: list[Received]) -> Response:
    entries = [{"resource": one.resource} for one in found]
    return _json({"resourceType": "Bundle", "type": kind, "total": len(entries), "entry": entries}, 200)


def _json(content: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type=FHIR_JSON)


def _told(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, HubError) else HubError("The hospital's server failed")
    return _json(outcome.from_error(known), known.status)
