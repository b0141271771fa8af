"""`hub quarantine list|show|release|drop`: what could not be taken in, and what becomes of it.

A file in quarantine is a patient's: UIDs and figures are shown of it, and a decision is audited under the name given.
"""

import argparse
import getpass
import json
import sys
from typing import Any, Final
from uuid import uuid4

from services.imaging import files, releasing, store
from services.imaging.settings import settings
from services.imaging.store import PutAside
from shared.security import Principal, Role

_COLUMNS: Final = ("number", "reason", "bytes", "received", "study", "decision", "by")


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command and its four verbs."""
    parser = commands.add_parser("quarantine", help="files that came and could not be taken in")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    every = verbs.add_parser("list", help="the files that wait for a decision")
    every.add_argument("--all", action="store_true", help="those decided about before as well")
    every.add_argument("--json", action="store_true")
    every.set_defaults(run=_list)
    one = verbs.add_parser("show", help="one file, and where it lies")
    one.set_defaults(run=_show)
    release = verbs.add_parser("release", help="take a file in again, as if it came now")
    release.set_defaults(run=_release)
    drop = verbs.add_parser("drop", help="delete a file for good")
    drop.set_defaults(run=_drop)
    for verb in (one, release, drop):
        verb.add_argument("number", type=int)
    for verb in (release, drop):
        verb.add_argument("--who", default=getpass.getuser(), help="the person, as the audit is to know them")


def _list(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        lines = [_line(one) for one in store.list_put_aside(session, decided=told.all)]
    if told.json:
        sys.stdout.write(json.dumps(lines, indent=1) + "\n")
    elif not lines:
        sys.stdout.write("No file waits in quarantine.\n")
    else:
        rows = [_COLUMNS, *([str(line[column] or "-") for column in _COLUMNS] for line in lines)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


def _show(told: argparse.Namespace) -> int:
    with store.transaction() as session:
        found = store.find_put_aside(session, told.number)
    place = files.quarantined(settings().store_dir, found.digest)
    shown = _line(found) | {"digest": found.digest, "instance": found.instance, "file": str(place)}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    return 0


def _release(told: argparse.Namespace) -> int:
    outcome = releasing.release(told.number, _principal(told.who), settings())
    sys.stdout.write(f"File {told.number} is taken in ({outcome}).\n")
    return 0


def _drop(told: argparse.Namespace) -> int:
    releasing.drop(told.number, _principal(told.who), settings())
    sys.stdout.write(f"File {told.number} is deleted.\n")
    return 0


def _principal(name: str) -> Principal:
    return Principal(name, name, Role.ADMINISTRATOR, None, "user", frozenset(), f"command-line {uuid4()}")


def _line(one: PutAside) -> dict[str, Any]:
    """What operators may see of a file."""
    return {
        "number": one.number,
        "reason": str(one.reason),
        "bytes": one.size,
        "received": one.received_at.isoformat(timespec="seconds"),
        "study": one.study,
        "decision": one.decision,
        "by": one.decided_by,
    }
