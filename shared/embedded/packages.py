"""Server programs from the distribution, without root: the machine's own, else downloaded and unpacked.

Source: apt-get(8), dpkg-deb(1); nothing is installed, no package script runs.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.machine import CannotStart, cache_folder, require_disk

NGINX = "usr/sbin/nginx"
RABBITMQ = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"
DOWNLOAD_WITHIN_S = 300


@dataclass(frozen=True)
class Wanted:
    """Packages that are unpacked together.

    Attributes:
        folder: below the cache.
        words: what they are, and how much, for a person.
        elsewhere: what a person can do instead.
    """

    folder: str
    packages: tuple[str, ...]
    words: str
    elsewhere: str


SERVERS = Wanted(
    "servers",
    ("rabbitmq-server", "nginx"),
    "RabbitMQ and nginx",
    "Install RabbitMQ and nginx, or set HUB_BROKER_URL and run `make up`.",
)


def root_of(program: str, wanted: Wanted = SERVERS) -> Path:
    """The folder below which a program (a path, perhaps a pattern) lies: `/`, or where packages are unpacked.

    The first call of a user downloads them (the servers: some 20 packages, 35 MB); later ones find them.

    Raises:
        CannotStart: no apt here, or no network.
    """
    if _has(Path("/"), program):
        return Path("/")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    cache.chmod(0o755)  # as root, the servers run as another user
    folder = cache / wanted.folder
    with (cache / f"{wanted.folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second hub waits for the first one's download
        if not _has(folder, program):
            require_disk(cache)
            sys.stderr.write(f"Downloading {wanted.words} from the distribution (once) ...\n")
            _download(folder, wanted)
    return folder


def libraries(root: Path) -> str:
    """What LD_LIBRARY_PATH has to say for a program below this root."""
    return "" if root == Path("/") else os.pathsep.join(str(path) for path in (root / "usr/lib").glob("*-linux-gnu"))


def _has(root: Path, program: str) -> bool:
    return any(root.glob(program))


def _download(folder: Path, wanted: Wanted) -> None:
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    archives = fresh / "archives"
    archives.mkdir(parents=True)
    try:
        try:
            _fetch(wanted, [], archives)
        except CannotStart:  # the machine's package lists are empty or old
            options = _own_lists(fresh)
            _apt(wanted, [*options, "update"], archives)
            _fetch(wanted, options, archives)
        for archive in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg", "-x", archive, fresh], check=True, capture_output=True)  # noqa: S603, S607 - as in _apt
        shutil.rmtree(archives)
        shutil.rmtree(fresh / "apt", ignore_errors=True)
        _relocate_erlang(fresh, folder)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _fetch(wanted: Wanted, options: list[str], folder: Path) -> None:
    """Download the packages and what of their needs is not installed here."""
    plan = _apt(wanted, ["-s", *options, "install", "--no-install-recommends", *wanted.packages], folder)
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    _apt(wanted, [*options, "download", *names], folder)


def _own_lists(folder: Path) -> list[str]:
    """Package lists of our own, for a machine whose lists are empty and whose user may not fill them."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / "apt" / name).mkdir(parents=True)
    settings = {"Dir::State::lists": "lists", "Dir::Cache": "cache"}
    return [part for key, name in settings.items() for part in ("-o", f"{key}={folder / 'apt' / name}")]


def _apt(wanted: Wanted, arguments: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - every argument is our own or a package name from apt itself
            ["apt-get", "-q", "-o", "APT::Sandbox::User=root", *arguments],  # noqa: S607 - found on the PATH, as everywhere
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_WITHIN_S,
            check=True,
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise CannotStart(
            f"{wanted.words} are not here, and neither is apt-get to fetch them.", fix=wanted.elsewhere
        ) from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise CannotStart(
            f"{wanted.words} could not be downloaded from the distribution.",
            fix=f"Check the network, then start again. {wanted.elsewhere}",
        ) from error
    return done.stdout


def _relocate_erlang(fresh: Path, folder: Path) -> None:
    """Debian's `erl` scripts name /usr/lib/erlang; ERL_ROOTDIR does not change it."""
    for script in fresh.glob("usr/lib/erlang/**/bin/erl"):
        text = script.read_text()
        script.write_text(text.replace("ROOTDIR=/usr/lib/erlang", f"ROOTDIR={folder / 'usr/lib/erlang'}"))
