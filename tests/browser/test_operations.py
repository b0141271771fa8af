"""The operator's page in a real browser: every service answers for itself, and a letter is replayed without a mouse."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from services.simulator.demo.people import People, SignIn
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import Examination
from services.simulator.hospital import Hospital
from shared import audit, dead_letters
from shared.dead_letters import Letter
from shared.embedded import Hub
from shared.events import Event, Lane
from shared.fhir.message import Message

SERVICES = ("gateway", "imaging", "prediction", "results-sharing", "scheduling")
Open = Callable[..., Page]


@pytest.fixture
def opened(hub: Hub, cast: People, open_context: Callable[..., BrowserContext]) -> Open:
    """Call it for the operator's page, which follows the sign-in by itself."""

    def new(**looks: Any) -> Page:
        page = open_context(**looks).new_page()
        page.goto(f"{hub.public_url}/sign-in")
        _sign_in(page, cast.operator)
        page.wait_for_url("**/ops")
        return page

    return new


def _sign_in(page: Page, who: SignIn) -> None:
    page.get_by_label("Name").fill(who.name)
    page.get_by_label("Password").fill(who.password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


@pytest.fixture
def letter(hub: Hub) -> str:
    """A letter of the gateway: the record of an access that it did not take in. Returns the AuditEvent's id."""
    event = audit.audit_event(service="imaging", who=None, kind="dicom-read", action="R", entities=[])
    message = Message.build(Event.IMAGING_ACCESS_RECORDED, Lane.ROUTINE, str(uuid4()), [event])
    body = orjson.dumps([[message.bundle], {}, {}])
    made = Letter(
        queue="gateway.routine",
        exchange="hub.events",
        routing_key=f"{message.event}.routine",
        reason="rejected",
        task=str(message.event),
        message_id=message.id,
        correlation=message.correlation,
        lane="routine",
        attempt=0,
        replay=0,
        content_type="application/json",
        digest=hashlib.sha256(body).hexdigest(),
    )
    with Session(create_engine(hub.environment["HUB_GATEWAY_DATABASE_URL"])) as session, session.begin():
        dead_letters.store(session, made, body)
    return str(event["id"])


@pytest.fixture
def read(hospital: Hospital, new_study: Callable[..., Examination]) -> Progress:
    """A study that a model has answered."""
    case = Progress(new_study("pneumonia", "urgent", "announcement"))
    send(hospital, case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    return case


def seen(page: Page) -> None:
    """Every service has answered."""
    expect(page.locator("[data-unseen]")).to_have_count(0)


def part(page: Page, service: str) -> Any:
    return page.locator(f"#ops-{service}")


def test_a_letter_is_replayed_by_keyboard_and_its_record_is_taken_in(
    letter: str, read: Progress, hub: Hub, opened: Open, keep: Callable[[Page, str], None]
) -> None:
    assert Step.READY in read.at
    problems: list[str] = []
    page = opened(height=1800)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    seen(page)
    expect(page.locator("#overall")).to_have_text(re.compile("to look at"))
    expect(page.locator("#what")).to_contain_text(re.compile(r"gateway: \d+ dead letters? waits? for a decision"))
    expect(part(page, "imaging")).to_contain_text(
        re.compile(r"cxr-pneumonia-paediatric.*\d+ (not-)?flagged", re.DOTALL)
    )
    keep(page, "ops")
    buttons = part(page, "gateway").get_by_role("button", name="Replay")
    while count := buttons.count():
        buttons.first.press("Enter")
        expect(buttons).to_have_count(count - 1)
    expect(part(page, "gateway").get_by_role("status")).to_contain_text("goes back to its queue")
    expect(page.locator("#what")).not_to_contain_text("gateway")
    taken = text("select count(*) from resource where type = 'AuditEvent' and id = cast(:letter as uuid)")
    with create_engine(hub.environment["HUB_GATEWAY_DATABASE_URL"]).connect() as database:
        assert any(database.execute(taken, {"letter": letter}).scalar_one() == 1 for _ in range(5000))
    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.usefixtures("letter")
def test_the_operators_page_is_accessible_and_fits(
    scheme: str, width: int, opened: Open, violations: Callable[[Page], list[str]]
) -> None:
    page = opened(scheme=scheme, width=width)
    seen(page)
    expect(part(page, "gateway").get_by_role("button", name="Replay").first).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_service_that_does_not_answer_is_said_plainly_and_comes_back(
    hub: Hub, opened: Open, violations: Callable[[Page], list[str]]
) -> None:
    page = opened()
    seen(page)
    hub.supervisor.stop("scheduling-api")
    try:
        expect(part(page, "scheduling")).to_contain_text("does not answer")
        expect(page.locator("#overall")).to_contain_text("1 wrong")
        expect(page.locator("#what").get_by_role("listitem").first).to_have_text("scheduling: does not answer")
        expect(part(page, "imaging")).to_contain_text("Models")
        assert violations(page) == []
    finally:
        hub.supervisor.start_again("scheduling-api")
        hub.wait_ready("scheduling-api")
    expect(part(page, "scheduling")).to_contain_text("Follow-ups")
    expect(page.locator("#what")).not_to_contain_text("scheduling")


@pytest.mark.usefixtures("letter")
def test_without_a_script_each_service_has_a_page_on_which_a_letter_is_replayed(opened: Open) -> None:
    page = opened(script=False)
    page.get_by_role("link", name="gateway", exact=True).click()
    buttons = page.get_by_role("button", name="Replay")
    while count := buttons.count():
        buttons.first.press("Enter")
        expect(buttons).to_have_count(count - 1)
    expect(page.get_by_text("None waits for a decision.")).to_be_visible()


def test_every_service_answers_programs_and_only_for_an_operator(hub: Hub, cast: People, opened: Open) -> None:
    operator = opened().context
    told = {
        name: operator.request.get(f"{hub.public_url}/ops/{name}", headers={"Accept": "application/json"})
        for name in SERVICES
    }
    assert {name: answer.status for name, answer in told.items()} == dict.fromkeys(SERVICES, 200)
    panels = {name: [panel["title"] for panel in json.loads(answer.text())["panels"]] for name, answer in told.items()}
    assert panels == {
        "gateway": [],
        "imaging": ["Studies", "Models"],
        "prediction": ["Models"],
        "results-sharing": ["Studies that wait for a result", "Deliveries to the hospital", "Cases"],
        "scheduling": ["Follow-ups"],
    }
    models = {
        row["Model"]: (row["Stage"], row["Package"]) for row in json.loads(told["imaging"].text())["panels"][1]["rows"]
    }
    assert models["cxr-pneumonia-paediatric"] == ("live", "as admitted")
    assert models["brain-mr-tumour"] == models["retina-vessels"] == ("shadow", "as admitted")
    system = {"Authorization": f"Bearer {cast.token}"}
    for name in SERVICES:
        assert httpx.get(f"{hub.public_url}/ops/{name}").status_code == httpx.codes.UNAUTHORIZED
        assert httpx.get(f"{hub.public_url}/ops/{name}", headers=system).status_code == httpx.codes.FORBIDDEN
