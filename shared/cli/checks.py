"""What `hub doctor` looks at in the plumbing: settings, keys, databases, broker, processes, clocks, disk."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx
from kombu.exceptions import OperationalError

from shared import broker, db, dead_letters, embedded, migrate, outbox, security, settings
from shared.cli import keys, running
from shared.cli.check import Check, failure, warning, well
from shared.errors import HubError
from shared.events import SUBSCRIPTIONS
from shared.ops import queues
from shared.ops.verdict import LATE, STUCK, Queue

CLOCKS_AGREE: Final = timedelta(seconds=5)
SCARCE_BYTES: Final = 5_000_000_000
TOO_FEW_BYTES: Final = 1_000_000_000
_TIMEOUT_S: Final = 5


def look_at_settings() -> Iterator[Check]:
    """The settings of every process; each service's own are read by its processes when they start."""
    told = settings.read(settings.ServiceSettings)
    for service in embedded.stores():
        settings.database_url(service)
    yield well("settings", f"complete; the hub is {told.public_url}")


def look_at_keys() -> Iterator[Check]:
    """The public key can be read; the private one, where it lies here, by its owner alone."""
    security.public_key(settings.read(settings.ServiceSettings).session_public_key_file)
    private = os.environ.get(keys.PRIVATE)
    if private is None:
        yield well("keys", "the public key can be read; no private key here")
    elif not os.access(private, os.R_OK):
        yield failure("keys", "the private key cannot be read", f"Run `hub keys`, or correct {keys.PRIVATE}.")
    elif stat.S_IMODE(Path(private).stat().st_mode) & 0o077:
        yield failure("keys", "others can read the private key", f"chmod 600 {private}")
    else:
        yield well("keys", "both can be read, the private one by its owner alone")


def look_at_databases() -> Iterator[Check]:
    """Each can be reached, has what the code needs, and holds nothing back."""
    for service in embedded.stores():
        name = f"database {service}"
        try:
            current = migrate.is_current(service)
        except HubError as error:
            yield failure(name, error.message, error.fix or "")
            continue
        if not current:
            yield failure(name, "older than the code", f"Run `hub migrate {service}`.")
            continue
        yield well(name, "reachable and up to date")
        yield from _what_waits(service)


def _what_waits(service: str) -> Iterator[Check]:
    with db.transaction(service) as session:
        count = dead_letters.count_open(session)
        age = outbox.backlog(session).oldest_seconds
    if count:
        yield warning(f"dead letters {service}", f"{count} wait for a decision", "See `hub dead-letters list`.")
    else:
        yield well(f"dead letters {service}", "none")
    found = f"the oldest message waits {age:.0f} s"
    fix = f"Look at the log of {service}-relay, and at the broker."
    if age > STUCK.total_seconds():
        yield failure(f"outbox {service}", found, fix)
    elif age > LATE.total_seconds():
        yield warning(f"outbox {service}", found, fix)
    else:
        yield well(f"outbox {service}", "nothing waits longer than it should")


def look_at_broker() -> Iterator[Check]:
    """Reachable; every queue declared, consumed, and no letter left unread."""
    try:
        with queues.connected(broker.url()) as connection:
            yield well("broker", "reachable")
            for service in sorted(SUBSCRIPTIONS):
                for queue in queues.queues_of(service):
                    yield _queue(service, queues.seen(connection, queue))
    except (OperationalError, OSError) as error:
        yield failure("broker", f"cannot be reached ({type(error).__name__})", "Start it, or correct HUB_BROKER_URL.")


def _queue(service: str, queue: Queue) -> Check:
    name = f"queue {queue.name}"
    if queue.ready is None:
        return failure(name, "not declared", f"Start {service}-relay: it declares the topology.")
    if not queue.consumers:
        return failure(name, f"nobody consumes it ({queue.ready} wait)", f"Start the processes of {service}.")
    return well(name, f"{queue.consumers} consumers, {queue.ready} wait")


def look_at_processes() -> Iterator[Check]:
    """Every process of the hub that runs here says that it can work."""
    addresses = running.addresses()
    if not addresses:
        yield warning("processes", "no hub was started from here, so none was asked", "Ask your orchestrator's probes.")
    for name, address in addresses.items():
        try:
            status = httpx.get(address, timeout=_TIMEOUT_S).status_code
        except httpx.TransportError as error:
            yield failure(f"process {name}", f"does not answer ({type(error).__name__})", f"See logs/{name}.log.")
            continue
        if status == httpx.codes.OK:
            yield well(f"process {name}", "ready")
        else:
            yield failure(f"process {name}", f"answers {status}", f"See logs/{name}.log.")


def look_at_door() -> Iterator[Check]:
    """The one address answers, and its clock agrees with this machine's."""
    address = settings.read(settings.ServiceSettings).public_url
    try:
        answer = httpx.get(f"{address}/fhir/metadata", timeout=_TIMEOUT_S)
    except httpx.TransportError as error:
        yield failure("door", f"does not answer ({type(error).__name__})", "Is the hub started? `hub up`")
        return
    if answer.status_code != httpx.codes.OK:
        yield failure("door", f"answers {answer.status_code}", "Look at the log of gateway-api.")
        return
    yield well("door", "answers")
    if "date" in answer.headers:
        apart = abs(datetime.now(UTC) - parsedate_to_datetime(answer.headers["date"]))
        if apart > CLOCKS_AGREE:
            yield failure("clocks", f"{apart.total_seconds():.0f} s apart", "Start NTP on both machines.")
        else:
            yield well("clocks", "agree")


def look_at_disk() -> Iterator[Check]:
    """There is room for what comes."""
    folder = running.state_folder()
    if not folder.exists():
        yield warning("disk", "there is no state folder here", "Set HUB_STATE_DIR to the folder of the hub's data.")
        return
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free"
    if free < TOO_FEW_BYTES:
        yield failure("disk", found, "Free some space: new studies will be refused.")
    elif free < SCARCE_BYTES:
        yield warning("disk", found, "Free some space soon.")
    else:
        yield well("disk", found)


LOOKS: Final[dict[str, Callable[[], Iterable[Check]]]] = {
    "settings": look_at_settings,
    "keys": look_at_keys,
    "disk": look_at_disk,
    "databases": look_at_databases,
    "broker": look_at_broker,
    "processes": look_at_processes,
    "door": look_at_door,
}
"""In the order in which one thing stands on another."""
