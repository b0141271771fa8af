"""A signed report becomes an appointment on the day's page, in a real browser and over the whole hub's wire."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from shared import outbox
from shared.embedded import Hub
from shared.events import Event, Lane
from shared.fhir.codes import BASE, REPORT_SYSTEM, correlation_of, study_identifier
from shared.fhir.message import Message

PASSWORD = re.compile(r"(?:assword)[^\n]*?[:=]\s*(\S+)")
WITHIN_S = 30


@pytest.fixture(scope="module")
def secretary(hub: Hub) -> str:
    """The password of a secretary, and a room that is open day and night."""
    hours = "mon-sun 00:00-23:40"
    _command(hub, "schedules", "add", "Radiology follow-up", "--zone", "Europe/Paris", "--hours", hours)
    told = _command(hub, "users", "add", "sam", "--role", "secretary", "--name", "Sam Secretary")
    found = PASSWORD.search(told)
    assert found, told
    return found[1]


def _command(hub: Hub, *words: str) -> str:
    environment = {**os.environ, **hub.environment}
    command = [sys.executable, "-m", "shared.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def proposed(hub: Hub, secretary: str) -> str:  # noqa: ARG001 (the room first)
    """A follow-up that waits, said by results_sharing's own relay; the patient's identifier."""
    mrn = f"M-{uuid4().hex[:6]}"
    url = hub.environment["HUB_RESULTS_SHARING_DATABASE_URL"]
    with Session(create_engine(url)) as session, session.begin():
        outbox.add(session, _signed(mrn))
    address = hub.environment["HUB_SCHEDULING_DATABASE_URL"].replace("+psycopg", "")
    deadline = time.monotonic() + WITHIN_S
    with psycopg.connect(address, autocommit=True) as connection:
        while not connection.execute("select 1 from appointment where patient_value = %s", [mrn]).fetchone():
            assert time.monotonic() < deadline, "no follow-up was proposed"
            connection.execute("select pg_sleep(0.1)")
    return mrn


def _signed(mrn: str) -> Message:
    number, uid = str(uuid4()), f"2.25.{uuid4().int}"
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "233604007"}]}
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "id": number,
        "extension": [{"url": f"{BASE}/StructureDefinition/accepted-finding", "valueCodeableConcept": code}],
        "identifier": [{"system": REPORT_SYSTEM, "value": number}],
        "status": "final",
        "code": {"text": "Diagnostic imaging study"},
        "subject": {
            "reference": f"urn:uuid:{uuid4()}",
            "identifier": {"system": "https://st-luke.example/mrn", "value": mrn},
        },
        "imagingStudy": [{"identifier": study_identifier(uid)}],
        "issued": datetime.now(UTC).isoformat(),
        "conclusion": "SYNTHETIC. Consolidation.",
    }
    return Message.build(Event.REPORT_SIGNED, Lane.STAT, correlation_of(uid), [report])


@pytest.fixture
def desk(hub: Hub, secretary: str, open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Call it for the day's page of a secretary who is signed in."""

    def new(**looks: Any) -> Page:
        page = open_context(**looks).new_page()
        page.goto(f"{hub.public_url}/sign-in?next=/appointments/day")
        page.get_by_label("Name").fill("sam")
        page.get_by_label("Password").fill(secretary)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/appointments/day")
        return page

    return new


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.usefixtures("proposed")
def test_the_days_page_is_accessible_and_fits(
    scheme: str, width: int, desk: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    page = desk(scheme=scheme, width=width)
    expect(page.get_by_role("heading", name="Follow-ups to decide")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_secretary_confirms_moves_and_cancels_without_a_mouse_or_a_script(
    proposed: str, desk: Callable[..., Page], violations: Callable[[Page], list[str]]
) -> None:
    page = desk(script=False)
    card = page.get_by_role("article").filter(has_text=proposed)
    card.get_by_label("When").select_option(index=1)
    card.get_by_role("button", name="Confirm").press("Enter")
    expect(page.get_by_role("status")).to_have_text("The appointment is booked.")
    expect(page.get_by_role("article").filter(has_text=proposed)).to_have_count(0)
    assert page.get_by_role("listitem").filter(has_text=proposed).count() == 1
    scripted = desk()
    scripted.goto(page.url)
    assert violations(scripted) == []
    row = page.get_by_role("listitem").filter(has_text=proposed)
    row.get_by_text("Move or cancel").press("Enter")
    row.get_by_label("Why").fill("The patient asked")
    row.get_by_role("button", name="Cancel the appointment").press("Enter")
    expect(page.get_by_role("status")).to_have_text("The appointment is cancelled.")
