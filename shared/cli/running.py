"""The settings of a hub that runs here, kept beside its data, so that `hub ...` in another terminal finds it.

The file holds passwords: it is readable by its owner alone and goes away with the hub.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.embedded import Hub, holder

STATE_VARIABLE: Final = "HUB_STATE_DIR"
USUAL_STATE: Final = ".state"
NAME: Final = "running.json"
KNOWN_BY: Final = "HUB_PUBLIC_URL"
"""Whoever has set this means another hub; nothing is recalled then."""


def state_folder() -> Path:
    """Where the hub of this checkout keeps its data."""
    return Path(os.environ.get(STATE_VARIABLE, USUAL_STATE))


@contextmanager
def remembered(hub: Hub) -> Iterator[None]:
    """Keep a hub's settings on disk while it runs."""
    file = hub.state / NAME
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    settings = {name: value for name, value in hub.environment.items() if name.startswith("HUB_")}
    addresses = {name: hub.url(name) + process.ready for name, process in hub.processes.items()}
    file.write_text(json.dumps({"settings": settings, "processes": addresses}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def recall() -> None:
    """Take on the settings of the hub that runs here, where the environment names none.

    What a killed hub left behind is not taken on: its servers are gone.
    """
    if KNOWN_BY not in os.environ and holder(state_folder()) is not None:
        for name, value in _kept().get("settings", {}).items():
            os.environ.setdefault(name, value)


def addresses() -> dict[str, str]:
    """Where each process of the hub that runs here says whether it can work."""
    return _kept().get("processes", {})


def _kept() -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads((state_folder() / NAME).read_text())
    except (OSError, ValueError):
        return {}
    return found
