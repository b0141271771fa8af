"""A patient's telephone: a code, the own page in English and French, a wish, and what the radiologist then sees."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from services.simulator.demo.forms import Browser
from services.simulator.demo.operator import open_a_schedule
from services.simulator.demo.patient import Patient, telephone
from services.simulator.demo.people import People
from services.simulator.demo.reader import REPORTS, Reader
from services.simulator.demo.secretary import Secretary
from services.simulator.demo.steps import FOLLOW_UP, Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import Examination, examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub
from shared.security import COOKIE

HELD = "SYNTHETIC. Second film. To be told by the doctor."
Open = Callable[..., Page]


@dataclass
class Treated:
    """A patient with a result, a second one that waits for an appointment, and a booked follow-up."""

    examination: Examination
    released: Progress
    held: Progress
    cookie: str


@pytest.fixture(scope="module")
def hospital_of_the_patient(hub: Hub, cast: People) -> Iterator[Hospital]:
    with Hospital(hub.public_url, cast.token) as connected:
        yield connected


@pytest.fixture(scope="module")
def treated(hub: Hub, cast: People, hospital_of_the_patient: Hospital) -> Treated:
    """Everything by public doors."""
    open_a_schedule(hub.environment)
    seed = secrets.randbelow(10**6)
    first = examination(seed, 1, datetime.now(UTC), "pneumonia", "urgent", "announcement")
    second = examination(seed, 2, datetime.now(UTC), "normal", "urgent", "announcement")
    same = {name: getattr(first, name) for name in ("mrn", "given", "family", "gender", "born")}
    cases = [Progress(first), Progress(replace(second, **same))]
    for case in cases:
        send(hospital_of_the_patient, case.examination)
        assert follow(hospital_of_the_patient, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    with Browser(hub.public_url) as browser:
        Reader(browser, cast.synthetic).sign(cases[0])
        path = f"/cases/{cases[1].case_id}"
        browser.submit(path, "/impression", impression="normal")
        appointment = f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}T14:30"
        browser.submit(path, "/sign", text=HELD, announced="yes", appointment=appointment)
    cases[0].awaits |= FOLLOW_UP - {Step.BOOKED}
    assert follow(hospital_of_the_patient, cases[:1], [Step.PROPOSED], lambda *_: None), cases[0].at
    with Browser(hub.public_url) as browser:
        Secretary(browser, cast.synthetic_secretary).confirm(cases[0])
    cases[0].awaits |= FOLLOW_UP
    assert follow(hospital_of_the_patient, cases[:1], [Step.BOOKED], lambda *_: None), cases[0].at
    return Treated(first, *cases, cookie=signed_in_once(hub, first))


def signed_in_once(hub: Hub, who: Examination) -> str:
    """The cookie of a sign-in with a code: codes are few, and tests many."""
    with Browser(hub.public_url) as browser:
        Patient(browser, telephone(hub.url("simulator-api")), who).sign_in()
        return browser.cookie(COOKIE)


@pytest.fixture
def as_patient(hub: Hub, treated: Treated, open_context: Callable[..., BrowserContext]) -> Open:
    """Call it for a page of the patient who is signed in."""

    def new(path: str = "/me", **looks: object) -> Page:
        context = open_context(**looks)
        context.add_cookies([{"name": COOKIE, "value": treated.cookie, "url": hub.public_url}])
        page = context.new_page()
        page.goto(f"{hub.public_url}{path}")
        return page

    return new


def newest_code(hub: Hub, who: Examination) -> str:
    came = httpx.get(telephone(hub.url("simulator-api"))).json()
    text = next(one["text"] for one in came if one["to"] == who.mrn)
    found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", text)
    assert found
    return found[0]


def test_a_patient_signs_in_with_a_code_and_reads_what_is_released(
    hub: Hub,
    treated: Treated,
    open_context: Callable[..., BrowserContext],
    keep: Callable[[Page, str], None],
) -> None:
    page = open_context(width=390, height=844).new_page()
    page.goto(f"{hub.public_url}/me")
    expect(page.get_by_role("heading", name="Sign in with a code")).to_be_visible()
    keep(page, "sign-in-code")
    page.get_by_label("Hospital number").fill(treated.examination.mrn)
    page.get_by_label("Date of birth").fill(treated.examination.born.isoformat())
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_role("status")).to_contain_text("a code is on its way")
    page.locator("#code").fill("BBBB-BBBB")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    page.locator("#code").fill(newest_code(hub, treated.examination))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My results")).to_be_visible()
    released = page.get_by_role("article").filter(has_text=REPORTS["pneumonia"])
    expect(released).to_contain_text("SYNTHETIC Reader (program)")
    expect(released).to_contain_text("A program helped to sort your exam; a radiologist read it")
    expect(page.get_by_role("link", name="Add to my calendar")).to_be_visible()
    keep(page, "me")
    whole = page.content()
    for hidden in (HELD, "lagged", "preliminary", "threshold", "Score"):
        assert hidden not in whole, hidden


def test_a_held_result_is_wanted_sooner_and_the_radiologist_lets_it_go(
    hub: Hub, cast: People, treated: Treated, as_patient: Open, open_context: Callable[..., BrowserContext]
) -> None:
    page = as_patient("/me?lang=fr", width=390, script=False)
    held = page.get_by_role("article").filter(has_text="Avec votre médecin, le")
    expect(held).to_contain_text("14 h 30")
    held.get_by_role("button", name="Je le veux plus tôt").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Vous avez demandé à le voir plus tôt")
    reader = open_context().new_page()
    reader.goto(f"{hub.public_url}/sign-in?next=/cases/{treated.held.case_id}")
    reader.get_by_label("Name").fill(cast.radiologist.name)
    reader.get_by_label("Password").fill(cast.radiologist.password)
    reader.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(reader.get_by_text("The patient wants to see it sooner")).to_be_visible()
    reader.get_by_role("button", name="Let the patient read it now").click()
    expect(reader.locator("#release")).to_contain_text("let the patient read this report")
    page.goto(f"{hub.public_url}/me?lang=fr")
    expect(page.get_by_role("article").filter(has_text=HELD)).to_contain_text("Disponible")


def test_a_patient_sees_who_looked_and_their_own_looks(as_patient: Open) -> None:
    """The audit hears of a look at its own pace."""
    page = as_patient("/me")
    page.get_by_role("link", name="All accesses").click()
    for _ in range(40):
        if "looked at your results on this page" in page.inner_text("main"):
            break
        page.reload()
    seen = page.inner_text("main")
    for words in ("You", "signed your report", "opened your exam to read it", "(radiologist)", "(secretary)"):
        assert words in seen, words


def test_without_a_script_the_appointments_are_a_link(as_patient: Open) -> None:
    page = as_patient("/me", script=False)
    page.get_by_role("link", name="See my appointments").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="Add to my calendar").click()
    assert file.value.suggested_filename == "appointment.ics"


@pytest.mark.parametrize(
    ("status", "location"), [(503, ""), (404, ""), (303, "/sign-in")], ids=["away", "not there", "signed out"]
)
def test_appointments_that_do_not_come_stay_a_link(as_patient: Open, status: int, location: str) -> None:
    page = as_patient("/me")
    headers = {"location": location} if location else {}
    page.route("**/appointments/mine/part*", lambda route: route.fulfill(status=status, headers=headers, body="No."))
    with page.expect_event("requestfinished" if not location else "request", lambda one: "/mine/part" in one.url):
        page.reload()
    expect(page.get_by_role("link", name="See my appointments")).to_be_visible()
    expect(page.get_by_text("No.", exact=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="My results")).to_have_count(1)


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390), ("light", 320), ("dark", 320)]
)
def test_every_page_of_a_patient_is_accessible_and_fits(
    hub: Hub,
    as_patient: Open,
    open_context: Callable[..., BrowserContext],
    violations: Callable[[Page], list[str]],
    scheme: str,
    width: int,
) -> None:
    found: dict[str, object] = {}

    def look(page: Page, name: str) -> None:
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[name] = (violations(page), max(wide, 0))

    mine = as_patient("/me", scheme=scheme, width=width)
    stranger = open_context(scheme=scheme, width=width).new_page()
    for lang, add, send_me in (("en", "Add to my calendar", "Send me a code"), ("fr", "agenda", "M'envoyer un code")):
        mine.goto(f"{hub.public_url}/me?lang={lang}")
        expect(mine.get_by_role("link", name=add).first).to_be_visible()
        assert mine.evaluate("document.documentElement.lang") == lang
        look(mine, f"me {lang}")
        for path in ("/me/access", "/appointments/mine"):
            mine.goto(f"{hub.public_url}{path}?lang={lang}")
            look(mine, f"{path} {lang}")
        stranger.goto(f"{hub.public_url}/sign-in/code?lang={lang}")
        look(stranger, f"code {lang}")
        stranger.locator("#number").fill(f"NOBODY-{lang}-{scheme}-{width}")
        stranger.locator("#born").fill("2020-02-02")
        stranger.get_by_role("button", name=send_me).click()
        expect(stranger.get_by_role("status")).to_be_visible()
        if lang == "fr":
            look(stranger, "enter fr")
            continue
        stranger.locator("#code").fill("BBBBBBBB")
        stranger.locator("main button.primary").click()
        expect(stranger.get_by_role("alert")).to_be_visible()
        look(stranger, f"refused {lang}")
    assert found == dict.fromkeys(found, ([], 0))
