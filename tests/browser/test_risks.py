"""Image and record together: the alert at once, the figures after the first impression, each by itself."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from services.simulator.demo.people import People
from services.simulator.demo.steps import Progress
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import MRN_SYSTEM, Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.fhir.codes import LOINC, SNOMED, UCUM

WITHIN_S = 60
NEXT_LOOK_MS = 31_000
REPORT = "SYNTHETIC. Chest PA. Clear lungs. No effusion."
FIGURE = "10-year risk of cardiovascular disease"
ALERT = "Unsigned alert, for clinicians only"

Say = Callable[..., None]


@pytest.fixture
def adult(hospital: Hospital, new_study: Callable[..., Examination]) -> Progress:
    """A synthetic picture of somebody of 52 years that can be reviewed; of whom nothing was measured yet."""
    born = datetime.now(UTC).date() - timedelta(days=52 * 365.25 + 30)
    case = Progress(replace(new_study("pneumonia", "urgent", "announcement"), born=born, gender="female"))
    hospital.announce(case.examination)
    hospital.send_files(case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    return case


@pytest.fixture
def measured(hub: Hub, cast: People, adult: Progress) -> Iterator[Say]:
    """Call it with a code, a value and how many days ago: the laboratory's system says so at the FHIR door."""
    headers = {"Authorization": f"Bearer {cast.token}"}
    with httpx.Client(base_url=hub.public_url, headers=headers, timeout=30) as laboratory:
        known = laboratory.get("/fhir/Patient", params={"identifier": f"{MRN_SYSTEM}|{adult.examination.mrn}"})
        patient = known.json()["entry"][0]["resource"]["id"]

        def say(loinc: str, days: float, **value: Any) -> None:
            observation = {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": LOINC, "code": loinc}]},
                "subject": {"reference": f"Patient/{patient}"},
                "effectiveDateTime": (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds"),
                **value,
            }
            assert laboratory.post("/fhir/Observation", json=observation).status_code == httpx.codes.CREATED

        yield say


@pytest.fixture
def opened(hub: Hub, cast: People, adult: Progress, open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Call it for the page of the case, with a clock that the test turns."""

    def new(**looks: Any) -> Page:
        page = open_context(**looks).new_page()
        page.clock.install()
        page.goto(f"{hub.public_url}/sign-in?next=/cases/{adult.case_id}")
        page.get_by_label("Name").fill(cast.radiologist.name)
        page.get_by_label("Password").fill(cast.radiologist.password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_selector("dicom-view[data-painter]")
        return page

    return new


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "system": UCUM, "code": unit}}


def a_rising_creatinine(say: Say) -> None:
    interval = {"referenceRange": [{"low": {"value": 45}, "high": {"value": 84}}]}
    for value, days in ((80, 5), (165, 0.05)):
        say("14682-9", days, **quantity(value, "umol/L"), **interval)


def a_heart(say: Say) -> None:
    smoking = {"coding": [{"system": SNOMED, "code": "449868002"}]}
    say("72166-2", 2, valueCodeableConcept=smoking)
    for loinc, value, unit in (("8480-6", 140, "mm[Hg]"), ("2093-3", 6.3, "mmol/L"), ("2085-9", 1.4, "mmol/L")):
        say(loinc, 1, **quantity(value, unit))


def comes(page: Page, wanted: Locator) -> None:
    """Let the page look again by itself until it shows it."""
    end = time.monotonic() + WITHIN_S
    while not wanted.is_visible():
        assert time.monotonic() < end, "it never came"
        page.clock.fast_forward(NEXT_LOOK_MS)
        page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1280, 1400), ("dark", 1440, 1000), ("dark", 320, 700)]
)
def test_the_alert_comes_at_once_and_the_figures_after_the_first_impression(
    opened: Callable[..., Page],
    measured: Say,
    violations: Callable[[Page], list[str]],
    keep: Callable[[Page, str], None],
    scheme: str,
    width: int,
    height: int,
) -> None:
    page = opened(scheme=scheme, width=width, height=height)
    found: dict[str, object] = {}

    def look(name: str) -> None:
        excess = int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
        found[name] = (violations(page), max(excess, 0))

    a_heart(measured)
    a_rising_creatinine(measured)
    comes(page, page.get_by_text(ALERT))
    page.get_by_label("Report text").press_sequentially("Half")
    assert FIGURE not in page.content()
    assert "score2" not in page.content()
    look("alert before the impression")
    page.get_by_role("button", name="Normal", exact=True).click()
    comes(page, page.get_by_text(FIGURE))
    expect(page.get_by_text("the eGFR is not valid")).to_be_visible()
    expect(page.get_by_label("Report text")).to_have_value("Half")
    made_of = page.locator("#made-score2")
    made_of.get_by_text("What it is made of").click()
    expect(made_of.get_by_text("reference person")).to_be_visible()
    if scheme == "light":
        page.evaluate("document.querySelector('#alerts').scrollIntoView()")
        keep(page, "review-with-risks")
    page.evaluate("document.querySelectorAll('.work details').forEach((part) => { part.open = true })")
    look("figures")
    page.get_by_label("Report text").fill(REPORT)
    page.get_by_role("button", name="Sign and send as").click()
    page.get_by_text("not part of the report").click()
    expect(page.get_by_text(FIGURE)).to_be_visible()
    expect(page.get_by_text(ALERT)).to_be_visible()
    page.evaluate("document.querySelectorAll('.work details').forEach((part) => { part.open = true })")
    look("signed")
    assert found == dict.fromkeys(found, ([], 0))


def test_what_a_patient_refuses_is_said_where_the_answer_would_stand(
    hub: Hub,
    cast: People,
    hospital: Hospital,
    new_study: Callable[..., Examination],
    open_context: Callable[..., BrowserContext],
    violations: Callable[[Page], list[str]],
) -> None:
    """On the worklist and in the case, of image and record; the report is written as always."""
    case = Progress(replace(new_study("adult", "stat", "announcement"), refuses_ai=True))
    send(hospital, case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    page = open_context(width=1280, height=1400).new_page()
    page.clock.install()
    page.goto(f"{hub.public_url}/sign-in?next=/worklist")
    page.get_by_label("Name").fill(cast.radiologist.name)
    page.get_by_label("Password").fill(cast.radiologist.password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    row = page.get_by_role("row").filter(has_text=case.examination.family)
    expect(row.get_by_text("Not analysed (the patient refuses analysis by AI)").first).to_be_visible()
    page.goto(f"{hub.public_url}/cases/{case.case_id}")
    page.wait_for_selector("dicom-view[data-painter]")
    page.get_by_role("button", name="Cannot tell", exact=True).click()
    expect(page.get_by_text("Not analysed (the patient refuses analysis by AI)", exact=True).first).to_be_visible()
    comes(page, page.get_by_text("Not assessed: the patient refuses analysis by AI.").first)
    assert ALERT not in page.content()
    found: dict[str, object] = {}
    looks: list[tuple[Literal["light", "dark"], int, int]] = [("light", 1280, 1400), ("dark", 1440, 900)]
    looks.append(("dark", 320, 700))
    for scheme, width, height in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        excess = int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
        found[f"{scheme} {width}"] = (violations(page), max(excess, 0))
    assert found == dict.fromkeys(found, ([], 0))
    page.get_by_label("Report text").fill(REPORT)
    page.get_by_role("button", name="Sign and send as").click()
    expect(page.get_by_text("not part of the report")).to_be_visible()
