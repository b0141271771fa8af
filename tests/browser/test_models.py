"""The page of the models in a real browser: plots that say what they show, for everybody, in every light."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import BrowserContext, Page, Route, expect
from watched import NEXT, RELEASED, SYNTHETIC, admitted, filled

from services.imaging import api
from services.imaging.domain.registry import Stage
from services.imaging.settings import settings
from shared import security
from shared.embedded.machine import free_port
from shared.security import Principal, Role
from shared.web import STATIC

CHEST = "/models/cxr-pneumonia-paediatric"


@pytest.fixture
def address(
    database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, bytes]]:
    """Imaging's own door, on an empty database; where it is, and the key that signs people in."""
    database("imaging")
    private, public = security.make_key()
    (tmp_path / "session.pub").write_bytes(public)
    port = free_port()
    chosen = {
        "HUB_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "HUB_SESSION_PUBLIC_KEY_FILE": str(tmp_path / "session.pub"),
        "HUB_IMAGING_STORE_DIR": str(tmp_path / "pixels"),
        "HUB_IMAGING_ISSUERS": "{}",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    server = uvicorn.Server(uvicorn.Config(api.app(), host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield chosen["HUB_PUBLIC_URL"], private
    server.should_exit = True
    thread.join()
    settings.cache_clear()


@pytest.fixture
def opened(address: tuple[str, bytes], open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Call it with a path for the page as a physicist sees it; the gateway's static files come from their folder."""

    def static(route: Route) -> None:
        route.fulfill(path=STATIC / route.request.url.rpartition("/")[2].partition("?")[0])

    def new(path: str, **looks: Any) -> Page:
        url, private = address
        who = Principal("ada", "Ada Example", Role.CLINICIAN, None, "user", frozenset(), "s1")
        context = open_context(**looks)
        token = security.sign(private, who, timedelta(minutes=5))
        context.add_cookies([{"name": "hub_session", "value": token, "url": url}])
        context.route("**/static/**", static)
        page = context.new_page()
        page.goto(url + path)
        return page

    return new


def test_a_physicist_sees_that_the_pictures_grew_brighter_and_what_readers_made_of_the_answers(
    opened: Callable[..., Page], violations: Callable[[Page], list[str]], keep: Callable[[Page, str], None]
) -> None:
    model = admitted(RELEASED, Stage.LIVE)
    shadow = admitted(NEXT, Stage.SHADOW)
    filled(model, shadow, brighter=0.05)
    page = opened(f"{CHEST}/{RELEASED}", width=1440, height=1500)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"cxr-pneumonia-paediatric {RELEASED}")
    expect(page.locator(".lead")).to_contain_text(SYNTHETIC)
    expect(page.locator("#drift .says")).to_contain_text("rightness drifted")
    plot = page.get_by_role("img", name="Population stability index by statistic")
    expect(plot).to_be_visible()
    keep(page, "models")
    page.locator("#agreement summary").click()
    expect(page.locator("#agreement td").first).to_contain_text(" of ")
    expect(page.locator("#groups")).to_contain_text("by age and sex")
    assert violations(page) == []
    page.goto(page.url.replace(RELEASED, NEXT))
    expect(page.locator("#beside-0 .says")).to_contain_text("kappa")
    assert violations(page) == []
    page.get_by_role("link", name="Models").first.click()
    expect(page.get_by_role("heading", name="cxr-pneumonia-paediatric")).to_have_count(2)
    assert violations(page) == []


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 320), ("dark", 320)])
def test_the_page_fits_a_phone_and_the_dark(
    opened: Callable[..., Page], violations: Callable[[Page], list[str]], scheme: str, width: int
) -> None:
    filled(admitted(RELEASED, Stage.LIVE), admitted(NEXT, Stage.SHADOW), studies=160)
    for path in (f"{CHEST}/{NEXT}", "/models"):
        page = opened(path, scheme=scheme, width=width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []


def test_a_model_that_has_read_little_says_so_and_shows_no_small_cells(opened: Callable[..., Page]) -> None:
    filled(admitted(RELEASED, Stage.LIVE, with_reference=False), studies=12)
    page = opened(f"{CHEST}/{RELEASED}")
    expect(page.locator("#drift .says")).to_contain_text("Too few answers to judge")
    expect(page.locator("#drift")).to_contain_text("none yet: ")
    expect(page.locator("#groups")).to_contain_text("fewer than 10")
    assert "%" not in page.locator("#groups table").inner_text()


def test_without_models_the_page_says_how_to_admit_one_and_an_unknown_model_is_not_found(
    opened: Callable[..., Page],
) -> None:
    expect(opened("/models").locator("main")).to_contain_text("No model is admitted yet")
    expect(opened(f"{CHEST}/9.9.9").locator("main")).to_contain_text("There is no such model")
