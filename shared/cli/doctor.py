"""`hub doctor`: look at everything the hub stands on, and say how to fix what is not well.

Exits 0 when all is well, 1 with warnings, 2 with failures.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from shared.cli import checks
from shared.cli.check import Check, Level, failure
from shared.errors import HubError

CHECKS_GROUP: Final = "hub.checks"
"""Entry points of this group are functions without arguments that return checks: a service's own."""

STATUS: Final = {Level.OK: 0, Level.WARNING: 1, Level.FAILURE: 2}
STYLE: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "red"}

Look = Callable[[], Iterable[Check]]


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command."""
    parser = commands.add_parser("doctor", help="check everything the hub stands on, with a fix for what is not well")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=_run)


def _run(told: argparse.Namespace) -> int:
    found = list(examine({**checks.LOOKS, **_of_services()}))
    status = max((STATUS[check.level] for check in found), default=0)
    if told.json:
        report = {"status": status, "checks": [{**vars(check), "level": str(check.level)} for check in found]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return status
    table = Table("Check", "Level", "Found", "Fix")
    for check in found:
        style = STYLE[check.level]
        table.add_row(check.name, f"[{style}]{check.level}[/{style}]", check.found, check.fix)
    Console().print(table)
    return status


def _of_services() -> dict[str, Look]:
    """The checks of those services whose libraries are installed here."""
    found = {}
    for point in entry_points(group=CHECKS_GROUP):
        with suppress(ModuleNotFoundError):
            found[point.name] = point.load()
    return found


def examine(looks: dict[str, Look]) -> Iterator[Check]:
    """What each look finds; one that breaks is a failure, and the others still look."""
    for name, look in looks.items():
        try:
            yield from look()
        except HubError as error:
            yield failure(name, error.message, error.fix or "See the logs.")
        except Exception as error:  # noqa: BLE001 (one broken look must not hide the others; its text may leak)
            yield failure(name, f"the check itself broke on {type(error).__name__}", "Report it.")
