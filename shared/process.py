"""What a process without HTTP of its own shows the operator: `/metrics` on a port, and a heartbeat file.

Liveness is the age of the file, so it depends on neither broker nor database.
"""

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from prometheus_client import Gauge, start_http_server
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import settings, telemetry

BEAT_SECONDS = 5.0
"""How often a healthy process touches its file; a probe allows several times that."""

AUTOGROUP: Final = Path("/proc/self/autogroup")
"""How nice the session of this process is, where Linux shares the processor between sessions (sched(7))."""


class Exposure(BaseSettings):
    """Where a process shows itself; nothing is shown where nothing is set."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore")

    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    heartbeat_file: Path | None = None


@cache
def exposure() -> Exposure:
    """Read the environment once."""
    return settings.read(Exposure)


@cache
def serve_metrics() -> socket.socket | None:
    """Answer `/metrics` in a thread; once a process.

    Returns:
        The listening socket, for children to close; None when no port is set.
    """
    told = exposure()
    if told.metrics_port is None:
        return None
    # Made here and not at import, where it would write a file; an idle worker shows at least this.
    Gauge(
        "hub_process_started_seconds", "When the process started, Unix time", multiprocess_mode="max"
    ).set_to_current_time()
    server, _ = start_http_server(told.metrics_port, told.metrics_host, telemetry.registry())
    return server.socket


def beat() -> None:
    """Say that this process is alive."""
    if (file := exposure().heartbeat_file) is not None:
        file.touch()


def be_nice_as_a_session() -> None:
    """Let a command under `nice` yield to other sessions too: by itself `nice` counts only inside one (sched(7))."""
    with suppress(OSError):  # no such kernel, or not ours to say: then `nice` is all there is
        AUTOGROUP.write_text(str(os.nice(0)))
