"""What the machine must offer: ports, disk, folders, a lock, and an unprivileged user to run servers."""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import HubError

LOOPBACK = "127.0.0.1"
UNPRIVILEGED = 65534
"""`nobody`: the user that servers run as when root starts them (PostgreSQL refuses root)."""
PORTS = range(20_000, 32_000)
"""Below the ephemeral range, so that no outgoing connection takes a port between choice and use."""
_CLAIMS: list[socket.socket] = []
LOCK = "hub.lock"
NEEDED_BYTES = 1_000_000_000
"""A first start unpacks about 200 MB and writes about 150 MB; the rest is room to work."""


class CannotStart(HubError):
    """The machine lacks something that a start needs; `fix` says what to do about it."""


def is_root() -> bool:
    """Tell whether servers have to be dropped to an unprivileged user."""
    return os.geteuid() == 0


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a loopback port at random, and keep it for this process: no other hub that starts now is given the same.

    What keeps it is a name in the kernel (an abstract socket), which goes with the process, however it ends.
    """
    for _ in range(200):
        port = secrets.choice(PORTS)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0consilium/port/{port}")
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        if port_is_free(port):
            return port
    message = f"No free port was found between {PORTS.start} and {PORTS.stop}."
    raise CannotStart(message, fix="End programs that hold many ports, then start again.")


def cache_folder() -> Path:
    """Where unpacked server programs are kept, shared by every hub of this user."""
    if "HUB_CACHE_DIR" in os.environ:
        return Path(os.environ["HUB_CACHE_DIR"]).resolve()
    if is_root():
        return Path("/var/cache/consilium")
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "consilium"


def server_folder(state: Path) -> Path:
    """Where the servers of this state keep their data.

    A folder of root is closed to the unprivileged user, so root's servers live under /var/lib,
    where only root can have made the folder.
    """
    if not is_root():
        return state / "servers"
    digest = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
    return Path("/var/lib/consilium") / digest


def private_folder(path: Path) -> Path:
    """Make a folder that only the servers' user can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    give_to_servers(path)
    return path


def private_file(path: Path, text: str) -> Path:
    """Write a file that only the servers' user can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    give_to_servers(path)
    return path


def give_to_servers(path: Path) -> None:
    """As root, make the unprivileged user the owner."""
    if is_root():
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)


def require_disk(folder: Path) -> None:
    """Refuse to start on a disk that is about to be full.

    Raises:
        CannotStart: less than 1 GB is free.
    """
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        message = f"Only {free // 1_000_000} MB are free on the disk of {folder}; a hub needs 1 GB."
        raise CannotStart(message, fix="Free some space, then start again.")


@contextmanager
def locked(state: Path) -> Iterator[Path]:
    """Hold the state folder: one hub a folder. The lock dies with the process that holds it.

    Yields:
        The lock file, into which the holder may write how it can be reached.

    Raises:
        CannotStart: another hub holds it.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / LOCK
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            where = handle.read().partition("\n")[2].strip() or "it is still starting"
            message = f"A hub already runs on {state} ({where})."
            raise CannotStart(message, fix="Use that one, or end it with `make down`.") from None
        path.write_text(f"{os.getpid()}\n")
        try:
            yield path
        finally:
            path.write_text("")


def holder(state: Path) -> int | None:
    """The process that holds the state folder, known by the lock file that it has open; None when nobody does."""
    path = state.resolve() / LOCK
    if not path.exists():
        return None
    with path.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            first = handle.readline().strip()
            return int(first) if first.isdecimal() and _has_open(int(first), path) else None
        return None


def _has_open(pid: int, path: Path) -> bool:
    with suppress(OSError):
        return any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir())
    return False
