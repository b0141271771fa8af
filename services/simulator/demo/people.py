"""Who takes part in the demo: a radiologist for the person at the browser, a synthetic one, and the hospital's system.

Their secrets are made by the hub and kept beside its data, readable by the owner alone.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from shared.errors import Unavailable

FILE: Final = "demo.json"
SCOPES: Final = "system/*.cruds"
_SECONDS: Final = 60


@dataclass(frozen=True)
class SignIn:
    """An account and its password."""

    name: str
    password: str


@dataclass(frozen=True)
class People:
    """Everybody of the demo."""

    radiologist: SignIn
    synthetic: SignIn
    token: str


def people(state: Path, environment: Mapping[str, str]) -> People:
    """Those of an earlier demo on the same data, else new ones.

    Raises:
        Unavailable: the hub's own commands did not make them.
    """
    file = state / FILE
    if file.exists():
        kept = json.loads(file.read_text())
        return People(SignIn(**kept["radiologist"]), SignIn(**kept["synthetic"]), kept["token"])
    made = People(
        radiologist=_account("demo", "Dr Robin Demo", environment),
        synthetic=_account("synthetic-reader", "SYNTHETIC Reader (program)", environment),
        token=_told("token", ["clients", "add", "st-luke", "--scope", SCOPES], environment),
    )
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)))
    return made


def _account(name: str, display: str, environment: Mapping[str, str]) -> SignIn:
    arguments = ["users", "add", name, "--role", "radiologist", "--name", display]
    return SignIn(name, _told("password", arguments, environment))


def _told(secret: str, arguments: list[str], environment: Mapping[str, str]) -> str:
    """The secret that a command of the hub prints."""
    done = subprocess.run(  # noqa: S603 (the hub's own command)
        [sys.executable, "-m", "shared.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    found = re.search(rf"^{secret}: (\S+)$", done.stdout, re.MULTILINE | re.IGNORECASE)
    if done.returncode or found is None:
        raise Unavailable(f"`hub {' '.join(arguments[:2])}` did not make a {secret}", fix=done.stderr.strip())
    return found[1]
