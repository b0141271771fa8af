"""Who takes part in the demo: three accounts for the person at the browser, two synthetic people, two systems.

Their secrets are made by the hub and kept beside its data, readable by the owner alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from services.simulator.demo.operator import hub
from shared.errors import Unavailable

FILE: Final = "demo.json"
SCOPES: Final = "system/*.cruds"
WARD_SCOPES: Final = "system/*.rs hub/preliminary.r"
"""Of a system at the bedside: it only reads, and sees what nobody has signed."""

_ACCOUNTS: Final = {
    "radiologist": ("demo", "radiologist", "Dr Robin Demo"),
    "synthetic": ("synthetic-reader", "radiologist", "SYNTHETIC Reader (program)"),
    "secretary": ("secretary", "secretary", "Sam Demo"),
    "operator": ("operator", "administrator", "Oli Demo"),
    "synthetic_secretary": ("synthetic-secretary", "secretary", "SYNTHETIC Secretary (program)"),
}
_TOKENS: Final = {"token": ("st-luke", SCOPES), "ward": ("st-luke-ward", WARD_SCOPES)}


@dataclass(frozen=True)
class SignIn:
    """An account and its password."""

    name: str
    password: str


@dataclass(frozen=True)
class People:
    """Everybody of the demo.

    Attributes:
        token: of the hospital's sending systems.
        ward: token of the one that reads.
    """

    radiologist: SignIn
    synthetic: SignIn
    secretary: SignIn
    operator: SignIn
    synthetic_secretary: SignIn
    token: str
    ward: str


def people(state: Path, environment: Mapping[str, str]) -> People:
    """Those of an earlier demo on the same data, and new ones where it had none.

    Raises:
        Unavailable: the hub's own commands did not make them.
    """
    file = state / FILE
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    accounts = {
        part: SignIn(**kept[part]) if part in kept else _account(*who, environment) for part, who in _ACCOUNTS.items()
    }
    tokens = {
        part: kept.get(part) or _told("token", ["clients", "add", name, "--scope", scope], environment)
        for part, (name, scope) in _TOKENS.items()
    }
    everybody = People(
        accounts["radiologist"],
        accounts["synthetic"],
        accounts["secretary"],
        accounts["operator"],
        accounts["synthetic_secretary"],
        tokens["token"],
        tokens["ward"],
    )
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(everybody)))
    return everybody


def _account(name: str, role: str, display: str, environment: Mapping[str, str]) -> SignIn:
    return SignIn(name, _told("password", ["users", "add", name, "--role", role, "--name", display], environment))


def _told(secret: str, arguments: list[str], environment: Mapping[str, str]) -> str:
    """The secret that a command of the hub prints."""
    found = re.search(rf"^{secret}: (\S+)$", hub(arguments, environment), re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise Unavailable(f"`hub {' '.join(arguments[:2])}` did not make a {secret}")
    return found[1]
