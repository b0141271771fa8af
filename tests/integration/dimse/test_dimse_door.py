"""Who is let in, by which title, from where, how many, and what becomes of callers who speak no DICOM."""

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from slices import picture, write
from talking import connected, context_of

from services.imaging.listener import command_set
from shared.events import Event


def refusals(running: Any) -> list[dict[str, Any]]:
    return [message.resource("AuditEvent") for message in running.said(Event.IMAGING_ACCESS_RECORDED)]


def test_a_caller_who_is_not_named_is_refused_and_that_is_on_record_once(hub: Any, dcmtk: Any) -> None:
    running = hub(HUB_IMAGING_DIMSE_SENDERS="{}")
    for _ in range(3):
        done = dcmtk.run("echoscu", "-aet", "STRANGER", *running.address())
        assert done.returncode != 0
        assert "Calling AE Title Not Recognized" in done.stdout
    [event] = refusals(running)
    assert (event["type"]["code"], event["outcome"], event["agent"][0]["altId"]) == ("110113", "4", "STRANGER")


def test_a_title_may_call_from_its_own_address_only(hub: Any, dcmtk: Any) -> None:
    running = hub(HUB_IMAGING_DIMSE_SENDERS=json.dumps({"CT1": ["192.0.2.1"], "CT2": ["127.0.0.1"]}))
    assert "Not Recognized" in dcmtk.run("echoscu", "-aet", "CT1", *running.address()).stdout
    assert dcmtk.run("echoscu", "-aet", "CT2", *running.address()).returncode == 0


def test_who_calls_somebody_else_is_told_so(hub: Any, dcmtk: Any) -> None:
    done = dcmtk.run("echoscu", *hub().address("OTHER"))
    assert "Called AE Title Not Recognized" in done.stdout


def test_beyond_the_limit_a_caller_is_told_to_come_again(hub: Any, dcmtk: Any) -> None:
    running = hub(HUB_IMAGING_DIMSE_ASSOCIATIONS="1")
    with connected(running.port) as association:
        assert association.is_established
        done = dcmtk.run("echoscu", *running.address())
        assert "Local Limit Exceeded" in done.stdout


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\x00\xff\xff\xff\xff" + b"x" * 100,
        b"\x01\x00\x00\x00\x00\x04abcd",
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",
        b"",
    ],
    ids=["http", "endless", "no request", "data first", "nothing"],
)
def test_what_is_no_dicom_ends_its_own_connection_and_nothing_else(hub: Any, dcmtk: Any, said: bytes) -> None:
    running = hub()
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while line.recv(4096):
                pass
    assert dcmtk.run("echoscu", *running.address()).returncode == 0


def request(context: int) -> bytes:
    """A C-STORE-RQ whose data set is still to come."""
    words = command_set.encode(
        {0x0002: picture().SOPClassUID, 0x0100: 1, 0x0110: 9, 0x0700: 0, 0x0800: 0, 0x1000: generate_uid()}
    )
    value = (len(words) + 2).to_bytes(4, "big") + bytes([context, 3]) + words
    return b"\x04\x00" + len(value).to_bytes(4, "big") + value


def test_a_sender_who_leaves_in_the_middle_leaves_nothing_behind(hub: Any, eventually: Any) -> None:
    running = hub()
    with connected(running.port) as association:
        context = context_of(association)
        assert association.dul.socket is not None
        line = association.dul.socket.socket
        assert line is not None
        line.sendall(request(context))
        line.sendall(b"\x04\x00" + (12).to_bytes(4, "big") + (8).to_bytes(4, "big") + bytes([context, 0]) + b"\0" * 6)
        spool = running.chosen.store_dir / "spool"
        eventually(lambda: spool.is_dir() and list(spool.iterdir()))
        line.shutdown(socket.SHUT_RDWR)
    eventually(lambda: not list(spool.iterdir()))


def test_with_tls_only_who_shows_a_certificate_of_the_ca_gets_in(
    hub: Any, dcmtk: Any, certificates: Path, tmp_path: Path
) -> None:
    running = hub(
        HUB_IMAGING_DIMSE_TLS_KEY_FILE=str(certificates / "hub.key"),
        HUB_IMAGING_DIMSE_TLS_CERTIFICATE_FILE=str(certificates / "hub.pem"),
        HUB_IMAGING_DIMSE_TLS_CA_FILE=str(certificates / "ca.pem"),
    )
    [sent] = write(tmp_path / "sent", picture())
    trust = ("+cf", str(certificates / "ca.pem"))

    def send(name: str) -> int:
        own = ("+tls", str(certificates / f"{name}.key"), str(certificates / f"{name}.pem"))
        return int(dcmtk.run("storescu", *own, *trust, *running.address(), sent).returncode)

    assert send("scanner") == 0
    assert send("stranger") != 0
    assert dcmtk.run("storescu", *running.address(), sent).returncode != 0
    assert len(running.instances()) == 1
