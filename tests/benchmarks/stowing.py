"""STOW-RS instances a second over connections that are kept open: one file a request, or several as most senders do."""

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

EDGE: Final = "edge-of-a-part"
KIND: Final = f'multipart/related; type="application/dicom"; boundary={EDGE}'
WITHIN_S: Final = 60


def send(address: str, folders: Sequence[Path], headers: Mapping[str, str], files: int) -> float:
    """Seconds until every folder is stored, each over a connection of its own.

    Args:
        address: of `/studies`.
        files: in each request.

    Raises:
        RuntimeError: one was not stored.
    """
    paths = [sorted(folder.iterdir()) for folder in folders]
    bodies = [[_body(each[at : at + files]) for at in range(0, len(each), files)] for each in paths]
    began = time.monotonic()
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(lambda each: _store(address, each, headers), bodies))
    return time.monotonic() - began


def _body(paths: Sequence[Path]) -> bytes:
    start = f"--{EDGE}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(start + path.read_bytes() + b"\r\n" for path in paths) + f"--{EDGE}--\r\n".encode()


def _store(address: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> None:
    where = urlsplit(address)
    line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=WITHIN_S)
    told = {"Content-Type": KIND, "Accept": "application/dicom+json", **headers}
    for body in bodies:
        line.request("POST", where.path, body, told)
        answer = line.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{address} answered {answer.status}")
    line.close()
