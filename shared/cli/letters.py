"""`hub dead-letters list|show|replay`: what no service could take in, and giving it back.

Bodies are patients' data: they are shown only when asked for. A replay is audited under the name given.
"""

import argparse
import getpass
import json
import sys
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from shared import db, dead_letters
from shared.cli import up
from shared.dead_letters import Stored
from shared.ops.replaying import replay
from shared.security import Principal, Role


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the command and its three verbs."""
    parser = commands.add_parser("dead-letters", help="list, show or replay what no service could take in")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    every = verbs.add_parser("list", help="the letters that wait for a decision")
    every.add_argument("--service", choices=up.stores(), help="of one service: all that its own pod can see")
    every.add_argument("--all", action="store_true", help="those replayed before as well")
    every.add_argument("--json", action="store_true")
    every.set_defaults(run=_list)
    one = verbs.add_parser("show", help="one letter")
    one.add_argument("--body", action="store_true", help="its content too: patients' data")
    one.set_defaults(run=_show)
    again = verbs.add_parser("replay", help="give a letter back to the queue that gave it up")
    again.add_argument("--who", default=getpass.getuser(), help="the person, as the audit is to know them")
    again.set_defaults(run=_replay)
    for verb in (one, again):
        verb.add_argument("service", choices=up.stores())
        verb.add_argument("number", type=int)


def _list(told: argparse.Namespace) -> int:
    found: list[dict[str, Any]] = []
    for service in [told.service] if told.service else up.stores():
        with db.transaction(service) as session:
            found += [_line(service, stored) for stored in dead_letters.list_(session, replayed=told.all)]
    if told.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    elif not found:
        sys.stdout.write("No dead letters wait for a decision.\n")
    else:
        columns = ("service", "number", "queue", "event", "reason", "attempt", "received", "replayed")
        table = Table(*columns)
        for line in found:
            table.add_row(*(str(line[column] or "") for column in columns))
        Console().print(table)
    return 0


def _show(told: argparse.Namespace) -> int:
    with db.transaction(told.service) as session:
        stored = dead_letters.show(session, told.number, body=told.body)
    sys.stdout.write(json.dumps(_line(told.service, stored), indent=1) + "\n")
    if stored.body is not None:
        sys.stdout.write(stored.body.decode(errors="replace") + "\n")
    return 0


def _replay(told: argparse.Namespace) -> int:
    who = Principal(told.who, told.who, Role.ADMINISTRATOR, None, "user", frozenset(), "command-line")
    replay(told.service, told.number, who, str(uuid4()))
    sys.stdout.write(f"Dead letter {told.number} of {told.service} goes back to its queue.\n")
    return 0


def _line(service: str, stored: Stored) -> dict[str, Any]:
    """What operators may see of a letter."""
    letter = stored.letter
    return {
        "service": service,
        "number": stored.id,
        "queue": letter.queue,
        "event": letter.task,
        "reason": letter.reason,
        "attempt": letter.attempt,
        "correlation": letter.correlation,
        "bytes": stored.size,
        "received": stored.received_at.isoformat(timespec="seconds"),
        "replayed": stored.replayed_at.isoformat(timespec="seconds") if stored.replayed_at else None,
    }
