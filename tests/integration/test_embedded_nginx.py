"""One origin: nginx leads each path to its service, within the size that the table of routes allows."""

import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest

from shared.embedded import reset
from shared.embedded.machine import free_port, server_folder
from shared.embedded.nginx import Nginx
from shared.routes import Route

ANYBODY = frozenset({"public"})
KIB = 1024


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with its own name, the path, the request id and the size of the body."""

    protocol_version = "HTTP/1.1"
    name = ""

    def do_POST(self) -> None:
        """Read the body and say what came."""
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        said = f"{self.name} {self.path} {self.headers['X-Request-Id']} {size}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    state = tmp_path_factory.mktemp("nginx")
    server_folder(state).mkdir(mode=0o711, parents=True, exist_ok=True)
    ports = {name: free_port() for name in ("pages", "fhir")}
    echoes = [
        http.server.ThreadingHTTPServer(("127.0.0.1", port), type(name, (Echo,), {"name": name}))
        for name, port in ports.items()
    ]
    for echo in echoes:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
    nginx = Nginx(
        server_folder(state) / "nginx", state / "nginx.log", port=free_port(), upstreams={**ports, "down": free_port()}
    )
    try:
        nginx.start(
            [
                Route("/", "pages", ANYBODY, KIB, 5),
                Route("/fhir", "fhir", ANYBODY, 2 * KIB * KIB, 5),
                Route("/down", "down", ANYBODY, KIB, 5),
            ]
        )
        with httpx.Client(base_url=f"http://127.0.0.1:{nginx.port}") as client:
            yield client
    finally:
        nginx.stop()
        for echo in echoes:
            echo.shutdown()
            echo.server_close()
        reset(state)


@pytest.mark.parametrize(
    ("path", "service"), [("/", "pages"), ("/fhir", "fhir"), ("/fhir/Patient?name=x", "fhir"), ("/fhirs", "pages")]
)
def test_a_path_leads_to_its_service_unchanged_and_with_its_request_id(
    origin: httpx.Client, path: str, service: str
) -> None:
    answer = origin.post(path, content=b"body", headers={"X-Request-Id": "abc-1"})
    assert answer.text == f"{service} {path} abc-1 4"


def test_a_body_within_the_limit_of_its_path_passes_and_a_larger_one_is_refused_with_an_outcome(
    origin: httpx.Client,
) -> None:
    large = b"x" * (1500 * KIB)
    assert origin.post("/fhir", content=large).text.endswith(str(len(large)))
    refused = origin.post("/", content=large)
    assert refused.status_code == 413
    assert refused.headers["Content-Type"] == "application/fhir+json"
    assert refused.json()["issue"][0]["code"] == "too-long"


def test_a_service_that_is_down_is_a_transient_outcome(origin: httpx.Client) -> None:
    answer = origin.post("/down", content=b"body")
    assert answer.status_code == 502
    assert answer.json()["issue"][0]["code"] == "transient"
