"""A hospital's FHIR server of one resource type, which can be slow, down, picky, or hang up after it has stored."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Behaviour = Callable[[], int]
"""What it does with a request: returns the status to answer; 0 stores, then hangs up without an answer."""


class Hospital:
    """Keeps the last report for each identifier, and every one that it was sent.

    Attributes:
        behaviours: one for each request to come; when none is left it accepts.
        reports: what it holds, by identifier token.
        received: all bodies that it stored, in order.
    """

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = []
        self.reports: dict[str, dict[str, Any]] = {}
        self.received: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.requests = 0
        hospital = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                hospital._put(self)

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}/fhir"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _put(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.authorizations.append(request.headers["Authorization"])
        status = self.behaviours.pop(0)() if self.behaviours else 200
        if status in {0, 200, 201}:
            parts = urlsplit(request.path)
            assert parts.path == "/fhir/DiagnosticReport"
            self.reports[parse_qs(parts.query)["identifier"][0]] = body
            self.received.append(body)
        if status:
            request.send_response(status)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            request.close_connection = True
