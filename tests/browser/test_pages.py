"""The pages in a real browser: review and signature as a radiologist does them, and what must never happen to them."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from phantom import content
from playwright.sync_api import BrowserContext, Page, expect
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from services.simulator.demo.people import People
from services.simulator.demo.steps import Progress, Step
from services.simulator.demo.story import BEFORE_A_HUMAN
from services.simulator.demo.watch import follow, send
from services.simulator.domain import Examination
from services.simulator.fhir import announcement
from services.simulator.hospital import Hospital
from services.simulator.instances import part10
from shared.embedded import Hub

Open = Callable[..., Page]
Arrived = Callable[..., Progress]
REPORT = "SYNTHETIC. Chest AP. Patchy opacity in the right lower zone. No effusion."


@pytest.fixture
def arrived(hospital: Hospital, new_study: Callable[..., Examination]) -> Arrived:
    """Call it for a study that can be reviewed."""

    def make(picture: str = "pneumonia", priority: str = "urgent") -> Progress:
        case = Progress(new_study(picture, priority, "announcement"))
        send(hospital, case.examination)
        assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
        return case

    return make


@pytest.fixture
def signed_in(hub: Hub, cast: People, open_context: Callable[..., BrowserContext]) -> Open:
    """Call it for a page of a radiologist who is signed in."""

    def new(path: str = "/worklist", **looks: object) -> Page:
        page = open_context(**looks).new_page()
        page.goto(f"{hub.public_url}/sign-in?next={path}")
        page.get_by_label("Name").fill(cast.radiologist.name)
        page.get_by_label("Password").fill(cast.radiologist.password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    return new


def review(signed_in: Open, case: Progress, **looks: object) -> Page:
    """The page of a case whose image is on the screen."""
    page = signed_in(f"/cases/{case.case_id}", **looks)
    page.wait_for_selector("dicom-view[data-painter]")
    return page


def sign(page: Page, words: str = REPORT) -> None:
    button = page.get_by_role("button", name="Sign and send as")
    expect(
        button
    ).to_be_enabled()  # the page after the first impression is there: words typed sooner could miss the box
    page.get_by_label("Report text").fill(words)
    button.click()


def overflow(page: Page) -> int:
    """CSS pixels that the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_nothing_that_the_model_said_is_in_the_page_before_the_first_impression(
    signed_in: Open, arrived: Arrived
) -> None:
    case = arrived()
    page = review(signed_in, case)
    source = page.content().lower()
    for word in ("flagged", "pneumonia", "score", "heat-instance=", "region=", "threshold"):
        assert word not in source, word
    page.goto(page.url.rsplit("/cases", 1)[0] + "/worklist")
    row = page.get_by_role("row").filter(has_text=case.examination.mrn)
    expect(row).to_contain_text("Ready")
    expect(row).not_to_contain_text("lagged")


def test_a_radiologist_reviews_and_signs(
    signed_in: Open, arrived: Arrived, hospital: Hospital, keep: Callable[[Page, str], None]
) -> None:
    case = arrived(priority="stat")
    page = signed_in("/worklist", width=1280, height=800)
    page.get_by_role("row").filter(has_text=case.examination.mrn).get_by_role("link").click()
    page.wait_for_selector("dicom-view[data-painter]")
    keep(page, "review-before")
    page.get_by_role("button", name="Abnormal").click()
    expect(page.get_by_text("unsigned, not a diagnosis")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^AI result"))).to_be_focused()
    expect(page.get_by_role("img", name="Score")).to_be_visible()
    expect(page.get_by_text("any other finding")).to_be_visible()
    expect(page.get_by_label("AI heat map")).to_be_visible()
    keep(page, "review-with-ai")
    page.get_by_role("button", name="Correct").click()
    expect(page.get_by_role("heading", name="Your decision")).to_contain_text("corrected")
    sign(page)
    expect(page.get_by_role("heading", name="Signed report")).to_be_visible()
    expect(page.get_by_text("Dr Robin Demo").last).to_be_visible()
    expect(page.locator(".signed code")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    assert follow(hospital, [case], Step, lambda *_: None), case.at
    expect(page.locator("#delivery")).to_contain_text("acknowledged")
    keep(page, "signed")


def test_an_addendum_and_a_withdrawal_follow_the_signature(signed_in: Open, arrived: Arrived) -> None:
    page = review(signed_in, arrived("normal"))
    page.get_by_role("button", name="Normal", exact=True).click()
    sign(page)
    page.get_by_text("Add an addendum").click()
    page.get_by_label("Addendum").fill("Earlier film seen: no change.")
    page.get_by_role("button", name="Sign the addendum").click()
    expect(page.locator(".signed .text").first).to_contain_text("Earlier film seen")
    expect(page.get_by_label("Addendum")).to_have_value("")
    page.get_by_text("This report was entered in error", exact=True).click()
    page.get_by_label("Reason").fill("Another child's picture.")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="mark as entered in error").click()
    expect(page.get_by_role("heading", name="This report was entered in error")).to_be_visible()
    expect(page.get_by_text("Add an addendum")).to_have_count(0)


def test_a_study_that_no_program_looked_at_says_so_and_can_be_signed(signed_in: Open, arrived: Arrived) -> None:
    page = review(signed_in, arrived("adult"))
    expect(page.get_by_text("Not analysed (adult)").last).to_be_visible()
    expect(page.get_by_text("This says nothing about whether it is normal")).to_be_visible()
    page.get_by_role("button", name="Cannot tell").click()
    sign(page)
    expect(page.get_by_role("heading", name="Signed report")).to_be_visible()


def test_an_answer_that_comes_while_the_page_is_open_leaves_one_next_step(signed_in: Open, arrived: Arrived) -> None:
    page, answered = review(signed_in, arrived("adult")), page_of_another(signed_in, arrived())
    page.get_by_role("button", name="Cannot tell").click()
    expect(page.locator("#report h2")).to_have_id("now")
    page.clock.install()
    page.reload()
    page.route(page.url, lambda route: route.fulfill(body=answered, content_type="text/html"))
    page.clock.fast_forward(31_000)
    expect(page.locator("#decision h2")).to_have_id("now")
    expect(page.locator("[id=now]")).to_have_count(1)
    expect(page.locator("#report")).to_have_attribute("aria-labelledby", "step-report")


def page_of_another(signed_in: Open, case: Progress) -> str:
    """The page of an answered case after the first impression."""
    page = review(signed_in, case)
    page.get_by_role("button", name="Abnormal").click()
    expect(page.get_by_text("unsigned, not a diagnosis")).to_be_visible()
    return str(page.request.get(page.url, headers={"Accept": "text/html"}).text())


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 320)])
def test_an_image_that_comes_after_the_answer_is_called_unread(
    signed_in: Open,
    arrived: Arrived,
    hospital: Hospital,
    violations: Callable[[Page], list[str]],
    scheme: str,
    width: int,
) -> None:
    case = arrived()
    page = review(signed_in, case, scheme=scheme, width=width)
    page.get_by_role("button", name="Abnormal").click()
    expect(page.locator("#images")).to_contain_text("it read 1 of 1 image. The result is of image 1.")
    file = dcmread(BytesIO(part10(case.examination)))
    file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = f"{file.SOPInstanceUID}.2"
    page.clock.install()
    page.reload()
    hospital.send_files(case.examination, file=content(file))
    page.wait_for_selector("dicom-view[data-painter]")

    def late() -> int:
        page.clock.fast_forward(31_000)
        return page.locator("#late p").count()

    deadline = time.monotonic() + 30
    while not late() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    expect(page.locator("#late")).to_contain_text("1 image came after the AI had looked at this study")
    assert violations(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_a_study_of_which_an_image_cannot_be_read_says_so_beside_its_answer(
    signed_in: Open,
    hospital: Hospital,
    new_study: Callable[..., Examination],
    violations: Callable[[Page], list[str]],
    scheme: str,
    width: int,
) -> None:
    case = Progress(new_study("pneumonia", "urgent", "announcement"))
    announced = announcement(case.examination)
    study = next(e["resource"] for e in announced["entry"] if e["resource"]["resourceType"] == "ImagingStudy")
    study["numberOfInstances"] = study["series"][0]["numberOfInstances"] = 2
    assert hospital.write("POST", "/fhir/$process-message", announced).is_success
    broken = dcmread(BytesIO(part10(case.examination)))
    broken.SOPInstanceUID = broken.file_meta.MediaStorageSOPInstanceUID = f"{broken.SOPInstanceUID}.2"
    broken.InstanceNumber = 2
    broken.file_meta.TransferSyntaxUID = JPEG2000Lossless
    broken.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(200)])
    broken["PixelData"].is_undefined_length = True
    hospital.send_files(case.examination, file=content(broken))
    hospital.send_files(case.examination)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    page = review(signed_in, case, scheme=scheme, width=width)
    page.get_by_role("button", name="Abnormal").click()
    expect(page.locator("#images")).to_contain_text("it read 1 of 2 images; 1 could not be decoded")
    expect(page.locator("#images")).to_contain_text("says nothing about the others")
    assert violations(page) == []
    assert overflow(page) <= 0


def test_the_ai_can_be_shown_first_when_it_is_urgent(signed_in: Open, arrived: Arrived) -> None:
    page = review(signed_in, arrived())
    page.get_by_role("button", name="Show AI now").click()
    expect(page.get_by_text("unsigned, not a diagnosis")).to_be_visible()
    expect(page.get_by_role("button", name="Sign and send")).to_be_disabled()
    page.get_by_role("button", name="Abnormal").click()
    expect(page.get_by_text("after the AI was shown")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_of_two_who_sign_the_second_loses_no_word(signed_in: Open, arrived: Arrived, script: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    case = arrived("normal")
    path = f"/cases/{case.case_id}"
    first, second = signed_in(path), signed_in(path, script=script)
    first.get_by_role("button", name="Normal", exact=True).click()
    expect(first.get_by_role("button", name="Sign and send as")).to_be_enabled()
    second.reload()
    sign(first)
    expect(first.get_by_role("heading", name="Signed report")).to_be_visible()
    sign(second, "What the second one typed.")
    expect(second.get_by_role("alert")).to_contain_text("is signed")
    expect(second.get_by_label("Addendum")).to_have_value("What the second one typed.")


def test_a_text_survives_the_end_of_the_session_and_a_silent_network(signed_in: Open, arrived: Arrived) -> None:
    page = review(signed_in, arrived("normal"))
    page.get_by_role("button", name="Normal", exact=True).click()
    expect(page.get_by_role("button", name="Sign and send as")).to_be_enabled()
    page.context.set_offline(offline=True)
    sign(page)
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.context.set_offline(offline=False)
    page.context.clear_cookies()
    page.get_by_role("button", name="Sign and send as").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    expect(page.get_by_label("Report text")).to_have_value(REPORT)


def test_a_draft_is_kept_and_seen_by_its_writer(signed_in: Open, arrived: Arrived) -> None:
    page = review(signed_in, arrived("normal"))
    page.get_by_label("Report text").press_sequentially("Half a sen")
    expect(page.get_by_text("Draft kept")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Report text")).to_have_value("Half a sen")


def test_a_study_of_the_wrong_patient_waits_for_a_human_who_closes_it(
    signed_in: Open, hospital: Hospital, new_study: Callable[..., Examination], violations: Callable[[Page], list[str]]
) -> None:
    examination = new_study("normal", "stat", "announcement")
    file = dcmread(BytesIO(part10(examination)))
    file.PatientID = "SOMEBODY-ELSE"
    hospital.announce(examination)
    hospital.send_files(examination, file=content(file))
    page = signed_in("/worklist")
    row = page.get_by_role("row").filter(has_text=examination.mrn)
    expect(row).to_contain_text("On hold (the images do not belong to the announced patient)", timeout=30_000)
    row.get_by_role("link").click()
    expect(page.get_by_role("button", name="Read what is there")).to_have_count(0)
    assert violations(page) == []
    page.get_by_label("Reason").fill("Sent for another child.")
    page.get_by_role("button", name="Close without a report").click()
    expect(page.get_by_role("heading", name="This case is closed")).to_be_visible()


def test_the_keyboard_alone_signs_a_report(signed_in: Open, arrived: Arrived) -> None:
    page = signed_in(f"/cases/{arrived('normal').case_id}")

    def reach(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate("document.activeElement.innerText || document.activeElement.id || ''"):
                return
        pytest.fail(f"no way to {name} by keyboard")

    reach("Cannot tell")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^AI result"))).to_be_focused()
    reach("Accept")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your report")).to_be_focused()
    reach("text")
    page.keyboard.type(REPORT)
    reach("Sign and send")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Signed report")).to_be_focused()


@pytest.mark.parametrize("width", [1440, 800, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_the_screen(
    hub: Hub,
    signed_in: Open,
    arrived: Arrived,
    violations: Callable[[Page], list[str]],
    keep: Callable[[Page, str], None],
    scheme: str,
    width: int,
) -> None:
    page = signed_in(scheme=scheme, width=width)
    found: dict[str, object] = {}

    def look(name: str) -> None:
        found[name] = (violations(page), max(overflow(page), 0))

    look("worklist")
    page.goto(f"{hub.public_url}/cases/{arrived().case_id}")
    page.wait_for_selector("dicom-view[data-painter]")
    look("before")
    page.get_by_role("button", name="Abnormal").click()
    page.wait_for_selector(".verdict")
    look("with AI")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", name="Your decision")).to_contain_text("rejected")
    look("decided")
    sign(page)
    page.wait_for_selector(".signed")
    page.evaluate("document.querySelectorAll('.work details').forEach((part) => { part.open = true })")
    look("signed")
    page.goto(f"{hub.public_url}/cases/none")
    expect(page.get_by_text("Request id")).to_be_visible()
    look("error")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    look("sign-in")
    if (scheme, width) == ("light", 1440):
        keep(page, "sign-in")
    assert found == dict.fromkeys(found, ([], 0))


def test_a_worklist_looks_again_by_itself_and_keeps_the_focus(
    hub: Hub, signed_in: Open, arrived: Arrived, keep: Callable[[Page, str], None]
) -> None:
    known = arrived()
    page = signed_in(width=1280, height=800)
    page.clock.install()
    page.reload()
    page.locator(f"#case-{known.case_id}").focus()
    came = arrived("normal", "stat")
    page.clock.fast_forward(11_000)
    expect(page.locator(f"#case-{came.case_id}")).to_be_visible()
    expect(page.locator(f"#case-{known.case_id}")).to_be_focused()
    assert page.url == f"{hub.public_url}/worklist"
    keep(page, "worklist")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 320)])
def test_a_phantom_stands_apart_from_the_worklist(
    signed_in: Open,
    hospital: Hospital,
    new_study: Callable[..., Examination],
    violations: Callable[[Page], list[str]],
    scheme: str,
    width: int,
) -> None:
    phantom = replace(new_study("normal", "routine", "announcement"), family="PHANTOM")
    case = Progress(phantom)
    send(hospital, phantom)
    assert follow(hospital, [case], BEFORE_A_HUMAN, lambda *_: None), case.at
    page = signed_in("/worklist", scheme=scheme, width=width)
    page.locator("#tests-summary").click()
    apart = page.locator("#tests").locator(f"#case-{case.case_id}")
    expect(apart).to_be_visible()
    expect(page.locator(f"#case-{case.case_id}")).to_have_count(1)
    expect(page.locator("#tests")).to_contain_text("phantom or test patient")
    assert violations(page) == []
    assert overflow(page) <= 0
