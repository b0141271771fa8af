"""The viewer shows what DICOM says: each grey level against the window formula, in the real browser."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, Page

from shared.http import CONTENT_SECURITY
from shared.web import static_files

ROWS, COLUMNS = 220, 300
CENTER, WIDTH = 2047.0, 3000.0

Kind = dict[str, Any]
KINDS: dict[str, Kind] = {
    "unsigned": {"dtype": "<u2", "bits": 16, "low": 0, "high": 65535, "center": 40000.0, "width": 30000.0},
    "signed": {"dtype": "<i2", "bits": 16, "low": -1024, "high": 3071, "slope": 2.0, "intercept": -10.0},
    "twelve": {"dtype": "<u2", "bits": 12, "low": 0, "high": 4095},
    "negative": {"dtype": "<u2", "bits": 12, "low": 0, "high": 4095, "photometric": "MONOCHROME1"},
    "bytes": {"dtype": "u1", "bits": 8, "low": 0, "high": 255, "center": 127.5, "width": 256.0},
    "narrow": {"dtype": "<u2", "bits": 16, "low": 33000, "high": 33100, "center": 33050.0, "width": 20.0},
}


def stored(kind: Kind) -> NDArray[Any]:
    random = np.random.default_rng(7)
    return random.integers(kind["low"], kind["high"], (ROWS, COLUMNS), endpoint=True).astype(kind["dtype"])


def expected(kind: Kind) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2.1, as the standard writes it."""
    x = stored(kind).astype(np.float64) * kind.get("slope", 1.0) + kind.get("intercept", 0.0)
    c, w = kind.get("center", CENTER), kind.get("width", WIDTH)
    y = np.where(x <= c - 0.5 - (w - 1) / 2, 0, np.where(x > c - 0.5 + (w - 1) / 2, 1, (x - (c - 0.5)) / (w - 1) + 0.5))
    return 255 * (1 - y if kind.get("photometric") == "MONOCHROME1" else y)


def metadata(kind: Kind) -> dict[str, Any]:
    values = {
        "00080018": "1.2.3.4",
        "0020000E": "1.2.3",
        "00280002": 1,
        "00280004": kind.get("photometric", "MONOCHROME2"),
        "00280010": ROWS,
        "00280011": COLUMNS,
        "00280100": 8 if kind["dtype"] == "u1" else 16,
        "00280101": kind["bits"],
        "00280103": int(kind["dtype"] == "<i2"),
        "00281050": kind.get("center", CENTER),
        "00281051": kind.get("width", WIDTH),
        "00281052": kind.get("intercept", 0.0),
        "00281053": kind.get("slope", 1.0),
    }
    return {tag: {"vr": "UN", "Value": [value]} for tag, value in values.items()} | {
        "00280030": {"vr": "DS", "Value": [0, 0]}
    }


RESULTS = [
    metadata(KINDS["bytes"]) | {"00080060": {"vr": "CS", "Value": [modality]}, "00080008": {"vr": "CS", "Value": kind}}
    for modality, kind in (("SEG", ["DERIVED", "PRIMARY"]), ("OT", ["DERIVED", "SECONDARY"]))
] + [{"00080060": {"vr": "CS", "Value": [modality]}} for modality in ("SR", "KO")]
"""What the hub adds to a study."""


@pytest.fixture(scope="module")
def images() -> Iterator[str]:
    """Synthetic images behind WADO-RS addresses, and a page with the viewer; gives the address."""
    app = FastAPI()
    app.mount("/static", static_files())

    @app.get("/view/{kind}")
    def view(kind: str, *, software: bool = False, heat: str = "bytes") -> HTMLResponse:
        extra = "software" if software else ""
        return HTMLResponse(
            "<!doctype html><html lang=en><title>Viewer</title><link rel=stylesheet href=/static/hub.css>"
            "<script type=module src=/static/dicom-view.js></script><main><h1>Viewer</h1>"
            f"<dicom-view study={kind} label='Test image' region='0.25,0.5,0.25,0.25' heat-series=1.2.9 "
            f"heat-instance={heat} {extra}></dicom-view></main>",
            headers={"Content-Security-Policy": CONTENT_SECURITY},
        )

    @app.get("/dicomweb/studies/{kind}/metadata")
    def study(kind: str) -> JSONResponse:
        return JSONResponse([metadata(KINDS[kind]), *RESULTS])

    @app.get("/dicomweb/studies/{kind}/series/{series}/instances/{instance}/metadata")
    def instance(kind: str, series: str, instance: str) -> JSONResponse:  # noqa: ARG001 (one series holds all)
        of = {"00082112": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.9.9"]}}]}}
        described = metadata(KINDS.get(instance, KINDS.get(kind, {})))
        return JSONResponse([described | (of if instance == "elsewhere" else {})])

    @app.get("/dicomweb/studies/{kind}/series/{series}/instances/{instance}/frames/1")
    def frame(kind: str, series: str, instance: str) -> Response:  # noqa: ARG001 (one series holds all)
        pixels = stored(KINDS.get(instance, KINDS.get(kind, {})))
        return Response(pixels.tobytes(), media_type="application/octet-stream")

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def shown(page: Page) -> NDArray[np.uint8]:
    """The canvas at one image pixel a canvas pixel, read back."""
    data = page.evaluate(
        """([columns, rows]) => {
            const view = document.querySelector("dicom-view");
            view.querySelector("[data-is=heat]").value = 0;
            view.act("actual");
            const [left, top] = view.placement().origin;
            const copy = new OffscreenCanvas(columns, rows).getContext("2d");
            copy.drawImage(view.canvas, -left, -top);
            return Array.from(copy.getImageData(0, 0, columns, rows).data);
        }""",
        [COLUMNS, ROWS],
    )
    return np.array(data, np.uint8).reshape(ROWS, COLUMNS, 4)


def ready(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("dicom-view[data-painter]")
    return page


@pytest.mark.parametrize("painter", ["webgl2", "2d"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_grey_level_is_at_most_one_off_the_window_formula(
    open_context: Callable[..., BrowserContext], images: str, kind: str, painter: str
) -> None:
    page = ready(open_context(), f"{images}/view/{kind}?software={painter == '2d'}")
    assert page.locator("dicom-view").get_attribute("data-painter") == painter
    levels = shown(page)
    assert np.abs(levels[..., :3].astype(float) - expected(KINDS[kind])[..., None]).max() <= 1.0
    assert np.unique(levels[..., 0]).size > 15


def test_the_keyboard_alone_changes_window_zoom_and_place(
    open_context: Callable[..., BrowserContext], images: str
) -> None:
    page = ready(open_context(), f"{images}/view/twelve")
    page.locator("dicom-view canvas").focus()
    before = page.evaluate("({...document.querySelector('dicom-view').view})")
    for key in ["Shift+ArrowRight", "Shift+ArrowUp", "+", "ArrowRight", "ArrowDown", "i"]:
        page.keyboard.press(key)
    after = page.evaluate("({...document.querySelector('dicom-view').view})")
    assert after["width"] > before["width"]
    assert after["center"] > before["center"]
    assert after["zoom"] > before["zoom"]
    assert after["x"] < before["x"]
    assert after["y"] < before["y"]
    assert after["invert"]
    page.keyboard.press("r")
    reset = page.evaluate("({...document.querySelector('dicom-view').view})")
    assert {name: reset[name] for name in ("center", "width", "zoom", "invert")} == {
        name: before[name] for name in ("center", "width", "zoom", "invert")
    }


def test_dragging_changes_window_and_level(open_context: Callable[..., BrowserContext], images: str) -> None:
    page = ready(open_context(), f"{images}/view/twelve")
    box = page.locator("dicom-view canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 130, steps=3)
    page.mouse.up()
    view = page.evaluate("document.querySelector('dicom-view').view")
    assert view["width"] > WIDTH
    assert view["center"] > CENTER


def test_the_heat_map_colours_the_image_only_while_its_slider_is_up(
    open_context: Callable[..., BrowserContext], images: str
) -> None:
    page = ready(open_context(), f"{images}/view/twelve")
    colour = """() => {
        const view = document.querySelector("dicom-view");
        const copy = new OffscreenCanvas(view.canvas.width, view.canvas.height).getContext("2d");
        copy.drawImage(view.canvas, 0, 0);
        const data = copy.getImageData(0, 0, view.canvas.width, view.canvas.height).data;
        let most = 0;
        for (let i = 0; i < data.length; i += 4) most = Math.max(most, data[i] - data[i + 2]);
        return most;
    }"""
    assert page.evaluate(colour) > 20
    page.locator("dicom-view canvas").press("h")
    assert page.evaluate(colour) == 0


def test_what_the_model_shows_on_another_image_is_not_laid_over_this_one(
    open_context: Callable[..., BrowserContext], images: str
) -> None:
    page = ready(open_context(), f"{images}/view/twelve?heat=elsewhere")
    assert page.locator(".dv-ai").is_hidden()
    assert page.locator(".dv-region").is_hidden()


def test_the_outline_lies_where_the_model_said(open_context: Callable[..., BrowserContext], images: str) -> None:
    page = ready(open_context(), f"{images}/view/twelve")
    box = page.locator(".dv-region").bounding_box()
    stage = page.locator(".dv-stage").bounding_box()
    assert box is not None
    assert stage is not None
    zoom = min(stage["width"] / COLUMNS, stage["height"] / ROWS)
    left = stage["x"] + stage["width"] / 2
    top = stage["y"] + stage["height"] / 2 - 0.25 * ROWS * zoom
    assert box["x"] == pytest.approx(left, abs=1.5)
    assert box["y"] == pytest.approx(top, abs=1.5)
    assert box["width"] == pytest.approx(0.25 * COLUMNS * zoom, abs=1.5)


def test_what_a_model_made_is_not_listed_among_the_images(
    open_context: Callable[..., BrowserContext], images: str
) -> None:
    page = ready(open_context(), f"{images}/view/bytes")
    assert page.locator(".dv-images").is_hidden()
    assert page.locator("select[data-is=images] option").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_viewer_has_no_accessibility_violation(
    open_context: Callable[..., BrowserContext], images: str, violations: Callable[[Page], list[str]], scheme: str
) -> None:
    page = ready(open_context(scheme=scheme), f"{images}/view/twelve")
    assert violations(page) == []


def test_an_image_that_is_not_there_is_said_and_can_be_tried_again(
    open_context: Callable[..., BrowserContext], images: str
) -> None:
    page = open_context().new_page()
    page.route("**/instances/1.2.3.4/frames/1", lambda route: route.fulfill(status=404), times=1)
    page.goto(f"{images}/view/twelve")
    page.get_by_text("The image is not here yet.").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("dicom-view[data-painter]")
