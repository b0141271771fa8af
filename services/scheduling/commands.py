"""`hub schedules`: what can be booked, when it is open, and in which time zone."""

import argparse
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.scheduling import store
from services.scheduling.domain.calendar import LONGEST, SHORTEST, Schedule, parse_hours, zone_of
from services.scheduling.store import transaction
from shared.errors import Conflict, InvalidResource


def register(commands: Any) -> None:  # noqa: ANN401 (argparse keeps its type private)
    """Add the commands to `hub`."""
    verbs = commands.add_parser("schedules", help="what can be booked").add_subparsers(
        dest="verb", required=True, metavar="verb"
    )
    add = verbs.add_parser("add", help="add a schedule; its slots are made as far ahead as somebody looks")
    add.add_argument("name", help="as staff see it, for example 'Radiology follow-up'")
    add.add_argument("--zone", required=True, help="IANA time zone, for example Europe/Paris")
    add.add_argument("--hours", required=True, help="for example 'mon-fri 08:00-12:00,13:00-17:00; sat 09:00-12:00'")
    add.add_argument("--slot", type=int, default=20, metavar="MINUTES", help="length of a slot (default 20)")
    add.add_argument("--service", default="follow-up", help="code of what is done there (default follow-up)")
    add.add_argument("--location", default="Radiology", help="where people go")
    add.set_defaults(run=_add)
    verbs.add_parser("list", help="all schedules").set_defaults(run=_list)


def _add(told: argparse.Namespace) -> int:
    zone_of(told.zone)
    slot = timedelta(minutes=told.slot)
    if not SHORTEST <= slot <= LONGEST:
        raise InvalidResource("A slot lasts from 5 minutes to 8 hours", fix="Correct --slot.")
    made = Schedule(str(uuid4()), told.name, told.service, told.location, told.zone, slot, parse_hours(told.hours))
    with transaction() as session:
        if any(known.name == made.name for known in store.schedules(session)):
            raise Conflict("There is a schedule of this name", fix="See `hub schedules list`, or choose another name.")
        store.add_schedule(session, made)
    sys.stdout.write(f"Added {made.name}: {made.id}\n")
    return 0


def _list(_: argparse.Namespace) -> int:
    with transaction() as session:
        known = store.schedules(session)
    for one in known:
        opened = f"slots until {one.opened_until}" if one.opened_until else "no slots yet"
        sys.stdout.write(f"{one.id}  {one.name} ({one.service}, {one.zone}, {one.location}): {opened}\n")
    if not known:
        sys.stdout.write("There is no schedule yet. Add one: `hub schedules add`.\n")
    return 0
