"""A real Chromium: the system's own; without one the browser tests are skipped, and say so."""

import os
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
"""No sandbox, since the tests may run as root; WebGL2 in software, since there may be no graphics card."""

Scheme = Literal["light", "dark"]

PATIENCE_MS = 20_000
"""On a machine that is busy with the rest of the tests."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the run."""
    path = os.environ.get("HUB_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium: `apt-get install chromium`, or name one in HUB_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Call it for a person with a browser of their own; it ends with the test."""
    opened: list[BrowserContext] = []

    def new(*, scheme: Scheme = "light", width: int = 1440, height: int = 900, script: bool = True) -> BrowserContext:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=script,
            locale="en-GB",
            timezone_id="Europe/Paris",
        )
        context.set_default_timeout(PATIENCE_MS)
        opened.append(context)
        return context

    yield new
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def violations() -> Callable[[Page], list[str]]:
    """What axe finds wrong on a page: rule, and where."""
    axe = Axe()

    def found(page: Page) -> list[str]:
        result = axe.run(page)
        return [
            f"{problem['id']}: {node['target']} {node.get('failureSummary', '')}"
            for problem in result.response["violations"]
            for node in problem["nodes"]
        ]

    return found


PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
LARGEST = 300_000
"""Bytes of a picture in the documentation."""


@pytest.fixture(scope="session")
def keep() -> Callable[[Page, str], None]:
    """Keep a picture of a page for the documentation, when HUB_SCREENSHOTS=1 asks for new ones."""

    def kept(page: Page, name: str) -> None:
        if os.environ.get("HUB_SCREENSHOTS") != "1":
            return
        PICTURES.mkdir(exist_ok=True)
        shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
        file = PICTURES / f"{name}.png"
        colours = shot.quantize(256, kmeans=3)
        shot.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)
        assert file.stat().st_size < LARGEST

    return kept
