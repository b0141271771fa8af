"""A private nginx that makes one origin of all services, written from the table of routes.

Source: https://nginx.org/en/docs/http/ngx_http_proxy_module.html. URLs may carry a patient (FHIR searches), so
nothing that nginx logs about a request is kept.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from shared.embedded import children, packages
from shared.embedded.machine import LOOPBACK, CannotStart, private_file, private_folder
from shared.routes import Route

READY_WITHIN_S: Final = 10.0
SPOOLED_BELOW: Final = 16 * 1024**2
"""Bodies that may be larger are streamed to the service, which spools them itself."""
TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
REFUSALS: Final = {
    413: ("too-long", "The body is larger than this path allows."),
    502: ("transient", "The service is not answering; try again shortly."),
    504: ("timeout", "The service did not answer in time."),
}


class Nginx:
    """The hub's door on one port.

    Args:
        upstreams: port of each service's api.
    """

    def __init__(self, folder: Path, log: Path, *, port: int, upstreams: Mapping[str, int]) -> None:
        self.folder = private_folder(folder)
        self.log = log
        self.port = port
        self._upstreams = upstreams
        self._child: children.Child | None = None

    def start(self, routes: Sequence[Route]) -> None:
        """Write the configuration and run nginx as our child."""
        root = packages.root_of(packages.NGINX)
        text = configuration(routes, port=self.port, upstreams=self._upstreams)
        path = private_file(self.folder / "nginx.conf", text)
        # Written once the port is ours: a port that answers could be another hub's, won in the same moment.
        listening = self.folder / "nginx.pid"
        listening.unlink(missing_ok=True)
        self._child = children.spawn(
            [str(root / packages.NGINX), "-e", "stderr", "-p", str(self.folder), "-c", str(path)],
            log=self.log,
            environment={"PATH": os.defpath, "LD_LIBRARY_PATH": packages.libraries(root)},
            folder=self.folder,
            as_server=True,
        )
        deadline = time.monotonic() + READY_WITHIN_S
        while self._child.poll() is None and time.monotonic() < deadline:
            if listening.exists():
                return
            time.sleep(0.02)
        raise CannotStart(f"nginx did not start: {children.last_lines(self.log)}", fix=f"Look at {self.log}.")

    def stop(self) -> None:
        """End nginx."""
        if self._child is not None:
            children.stop(self._child)


def configuration(routes: Sequence[Route], *, port: int, upstreams: Mapping[str, int]) -> str:
    """The whole nginx.conf; its paths are relative to nginx's own folder."""
    served = [route for route in routes if route.service in upstreams]
    lines = ["daemon off;", "pid nginx.pid;", "worker_processes 1;", "events { worker_connections 1024; }", "http {"]
    lines += ["access_log off;", "error_log stderr emerg;", "server_tokens off;", "proxy_http_version 1.1;"]
    lines += [f"{name}_temp_path {name};" for name in TEMPORARY]
    for service, at in upstreams.items():
        lines.append(f"upstream {service} {{ server {LOOPBACK}:{at} max_fails=0; keepalive 16; }}")
    lines += ["server {", f"listen {LOOPBACK}:{port};"]
    lines += ["proxy_set_header Host $http_host;", 'proxy_set_header Connection "";']
    for status, (code, text) in REFUSALS.items():
        issue = f'{{"severity":"error","code":"{code}","diagnostics":"{text}"}}'
        outcome = f'{{"resourceType":"OperationOutcome","issue":[{issue}]}}'
        lines.append(f"error_page {status} @{code};")
        lines.append(f"location @{code} {{ default_type application/fhir+json; return {status} '{outcome}'; }}")
    for route in served:
        lines += [f"location {match} {{ {_settings(route)} }}" for match in _matches(route.path)]
    return "\n".join([*lines, "}", "}", ""])


def _matches(path: str) -> tuple[str, ...]:
    """A path and what is below it, but not what merely begins with the same letters."""
    return ("/",) if path == "/" else (f"= {path}", f"^~ {path}/")


def _settings(route: Route) -> str:
    buffering = "on" if route.body <= SPOOLED_BELOW else "off"
    return (
        f"proxy_pass http://{route.service}; client_max_body_size {route.body}; "
        f"proxy_read_timeout {route.timeout_s}s; proxy_send_timeout {route.timeout_s}s; "
        f"proxy_request_buffering {buffering};"
    )
