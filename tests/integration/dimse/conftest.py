"""The listener on a real PostgreSQL and a real disk, and the peers of a hospital: DCMTK's tools and an Orthanc."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest

from services.imaging.dimse import server_context
from services.imaging.files import path_of
from services.imaging.listener.errands import Errands
from services.imaging.listener.server import Server
from services.imaging.settings import Settings
from services.imaging.settings import settings as read_settings
from services.imaging.together import Together
from shared.embedded import packages
from shared.embedded.machine import CannotStart, free_port
from shared.events import Event
from shared.fhir.message import Message

sys.path.insert(0, str(Path(__file__).parent))  # for `slices` and `talking`

from talking import environment

PEERS = packages.Wanted(
    "dicom-peers", ("dcmtk", "orthanc"), "DCMTK and Orthanc (12 MB)", "Install the packages dcmtk and orthanc."
)
ARCHIVE = packages.Wanted(
    "dicom-archive",
    ("orthanc", "orthanc-dicomweb"),
    "Orthanc with DICOMweb (12 MB)",
    "Install the packages orthanc and orthanc-dicomweb.",
)
DICOMWEB = "usr/share/orthanc/plugins/libOrthancDicomWeb.so"
WITHIN_S = 30.0


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` returns once it returns something."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)
    return found


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], Any]], Any]:
    return eventually


@dataclass
class Dcmtk:
    """DCMTK's command line tools."""

    root: Path

    def environment(self) -> dict[str, str]:
        """Where its libraries and its dictionary are; without the last word associations crawl."""
        dictionary = next(self.root.glob("usr/share/libdcmtk*/dicom.dic"))
        return {
            "PATH": os.defpath,
            "LD_LIBRARY_PATH": packages.libraries(self.root),
            "DCMDICTPATH": str(dictionary),
            "TCP_NODELAY": "1",
        }

    def run(self, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a tool to its end; output and errors come together."""
        return subprocess.run(
            [str(self.root / "usr/bin" / program), *words],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=WITHIN_S,
        )


def _root_of(program: str, wanted: packages.Wanted = PEERS) -> Path:
    try:
        return packages.root_of(program, wanted)
    except CannotStart as error:
        pytest.skip(f"DCMTK and Orthanc cannot be had: {error.message}")


@pytest.fixture(scope="session")
def dcmtk() -> Dcmtk:
    return Dcmtk(_root_of("usr/bin/storescu"))


@dataclass
class Hub:
    """The listener under test."""

    chosen: Settings
    url: str
    port: int
    errands: Errands

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What is in the database."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            return connection.execute(query).fetchall()

    def instances(self) -> dict[str, str]:
        """SOP Instance UID → transfer syntax."""
        return dict(self.rows("SELECT uid, transfer_syntax FROM instance"))

    def quarantined(self) -> dict[str, str]:
        """Digest → reason."""
        return dict(self.rows("SELECT digest, reason FROM quarantine"))

    def said(self, event: Event) -> list[Message]:
        """What is in the outbox, the oldest first."""
        rows = self.rows(f"SELECT body FROM outbox WHERE task = '{event}' ORDER BY id")  # noqa: S608 (our own word)
        return [Message.from_fhir(orjson.loads(body)[0][0]) for (body,) in rows]

    def address(self, title: str = "HUB") -> tuple[str, ...]:
        """What DCMTK's tools are told to call us."""
        return ("-aec", title, "127.0.0.1", str(self.port))

    def file(self, uid: str) -> Path:
        """Where an instance lies."""
        [(digest,)] = self.rows(f"SELECT digest FROM instance WHERE uid = '{uid}'")  # noqa: S608 (our own UID)
        return path_of(self.chosen.store_dir, str(digest))


@pytest.fixture
def hub(
    database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Hub]]:
    """Call it for a listener on an empty database and store; settings can be changed."""
    with ExitStack() as until:

        def start(**changed: str) -> Hub:
            url, port = database("imaging"), int(changed.pop("port", 0)) or free_port()
            for name, value in (environment(tmp_path / "pixels", port) | changed).items():
                monkeypatch.setenv(name, value)
            read_settings.cache_clear()
            chosen = read_settings()
            errands = Errands(chosen)
            server = Server(chosen, server_context(chosen), record=Together(lambda: chosen).ask, asked=errands.ring)
            for thread in (errands, server):
                thread.start()
            until.callback(server.close, 1.0)
            until.callback(errands.join, WITHIN_S)
            until.callback(errands.stop)
            return Hub(chosen, url, port, errands)

        yield start
    read_settings.cache_clear()


@dataclass
class Orthanc:
    """An archive with its REST API."""

    http: httpx.Client
    port: int

    def upload(self, content: bytes) -> str:
        """Put a file into it; its id there."""
        return str(self.http.post("/instances", content=content).json()["ID"])

    def call(self, path: str, body: object) -> Any:
        """Ask for something to be done."""
        return self.http.post(path, json=body).raise_for_status().json()


@pytest.fixture
def orthanc(tmp_path: Path, dcmtk: Dcmtk) -> Iterator[Callable[..., Orthanc]]:
    """Call it with the port of our listener and its own for an archive that knows us as HUB; with DICOMweb if asked.

    More settings are Orthanc's own.
    """
    with ExitStack() as until:

        def start(hub_port: int, dicom: int, *, dicomweb: bool = False, **more: Any) -> Orthanc:
            http, root = free_port(), _root_of(DICOMWEB, ARCHIVE) if dicomweb else _root_of("usr/sbin/Orthanc")
            settings = {
                "Name": "archive",
                "StorageDirectory": str(tmp_path / "orthanc"),
                "IndexDirectory": str(tmp_path / "orthanc"),
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "HttpBindAddresses": ["127.0.0.1"],
                "HttpPort": http,
                "DicomAet": "ORTHANC",
                "DicomPort": dicom,
                "DicomBindAddresses": ["127.0.0.1"],
                "DicomAlwaysAllowEcho": True,
                "DicomModalities": {"hub": {"AET": "HUB", "Host": "127.0.0.1", "Port": hub_port}},
                "Plugins": [str(root / DICOMWEB)] if dicomweb else [],
            }
            path = tmp_path / "orthanc.json"
            path.write_text(json.dumps(settings | more))
            child = subprocess.Popen(
                [str(root / "usr/sbin/Orthanc"), str(path)],
                env=dcmtk.environment() | {"LD_LIBRARY_PATH": packages.libraries(root)},
                stdout=(tmp_path / "orthanc.log").open("wb"),
                stderr=subprocess.STDOUT,
            )
            until.callback(child.wait)
            until.callback(child.terminate)
            client = until.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=WITHIN_S))
            eventually(lambda: _answers(client))
            return Orthanc(client, dicom)

        yield start


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/system").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a key with a certificate for each of hub, scanner and stranger (signed by itself)."""
    folder = tmp_path_factory.mktemp("tls")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name in ("ca", "stranger"):
        made = [*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True)
    for name in ("hub", "scanner"):
        made = [*new, "-subj", f"/CN={name}", "-CA", "ca.pem", "-CAkey", "ca.key"]
        made += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        made += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return folder
