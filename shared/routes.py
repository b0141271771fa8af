"""The table of `deploy/routes.yaml`: which path leads to which service, for whom, how big, how long."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from shared.settings import MissingSettings

FILE: Final = Path(__file__).parent.parent / "deploy" / "routes.yaml"
_UNITS: Final = {"k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True)
class Route:
    """One line of the table.

    Attributes:
        roles: who may pass; `public` means anybody, `system` a bearer token.
        body: largest request body in bytes.
        timeout_s: seconds until the proxy gives up on an answer.
    """

    path: str
    service: str
    roles: frozenset[str]
    body: int
    timeout_s: int

    def covers(self, path: str) -> bool:
        """Whether a request path is this route's or below it."""
        return self.path in {"/", path} or path.startswith(f"{self.path}/")


def parse_size(text: str) -> int:
    """Bytes of a size as nginx writes it: `64k`, `2m`, `1g`."""
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else int(text)


@cache
def routes(file: Path = FILE) -> tuple[Route, ...]:
    """All routes, the longest path first, so that the first that covers a request is the one.

    Raises:
        MissingSettings: the table cannot be read.
    """
    try:
        rows: list[dict[str, Any]] = yaml.safe_load(file.read_text())["routes"]
        made = [
            Route(row["path"], row["service"], frozenset(row["roles"]), parse_size(row["body"]), int(row["timeout_s"]))
            for row in rows
        ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MissingSettings(f"The route table {file.name} cannot be read: {type(error).__name__}") from None
    return tuple(sorted(made, key=lambda route: -len(route.path)))


def route_of(path: str, service: str) -> Route | None:
    """The route of a service that covers a request path; None where the table names none."""
    found = next((route for route in routes() if route.covers(path)), None)
    return found if found and found.service == service else None
