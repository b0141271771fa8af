"""Takes connections, each on a thread of its own, the TLS handshake too: a slow caller holds up nobody."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from services.imaging.arrivals import Arrival, Outcome
from services.imaging.listener.association import REQUEST_WITHIN_S, Association
from services.imaging.listener.seen import OPEN
from services.imaging.listener.wire import Wire
from services.imaging.settings import Settings
from shared.errors import Unavailable
from shared.telemetry import log

WAITING: Final = 64
SPARE: Final = 16
"""Connections beyond the limit of associations, so that one too many can still be told so."""

LOOK_EVERY_S: Final = 0.5


class Server(threading.Thread):
    """The door.

    Args:
        tls: context of the server, None for plain DICOM.
        record: `Together.ask`.
        asked: is called when a peer asked for storage commitment.

    Raises:
        Unavailable: the port cannot be had.
    """

    def __init__(
        self,
        chosen: Settings,
        tls: ssl.SSLContext | None,
        *,
        record: Callable[[Sequence[Arrival]], list[Outcome]],
        asked: Callable[[], None],
    ) -> None:
        super().__init__(name="dimse-server", daemon=True)
        self._chosen = chosen
        self._tls = tls
        self._converse = partial(Association, record=record, asked=asked, full=self._is_full)
        self._open: set[Association] = set()
        self._lock = threading.Lock()
        self._connections = 0
        self._over = threading.Event()
        try:
            self._socket = socket.create_server((chosen.dimse_host, chosen.dimse_port), backlog=WAITING)
        except OSError as error:
            raise Unavailable(
                f"Port {chosen.dimse_port} cannot be had: {error.strerror}",
                fix="Choose another HUB_IMAGING_DIMSE_PORT.",
            ) from None
        self._socket.settimeout(LOOK_EVERY_S)

    def run(self) -> None:
        """Serve until `close`."""
        while not self._over.is_set():
            try:
                connection, address = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if not self._over.wait(LOOK_EVERY_S):
                    log.warning("accept_failed", error=type(error).__name__)
                continue
            with self._lock:
                self._connections += 1
                many = self._connections > self._chosen.dimse_associations + SPARE
            if many:
                self._forget(connection)
                continue
            threading.Thread(target=self._serve, args=(connection, address[0]), name="association", daemon=True).start()

    def close(self, patience_s: float) -> None:
        """Take nobody in any more; who is in the middle of a message is let finish it."""
        self._over.set()
        self._socket.close()
        patience = threading.Event()
        for _ in range(round(patience_s / LOOK_EVERY_S)):
            if not any(one.busy for one in self._now_open()):
                break
            patience.wait(LOOK_EVERY_S)
        for one in self._now_open():
            one.end()

    def _now_open(self) -> list[Association]:
        with self._lock:
            return list(self._open)

    def _is_full(self) -> bool:
        with self._lock:
            return len(self._open) > self._chosen.dimse_associations

    def _serve(self, plain: socket.socket, address: str) -> None:
        connection = plain
        try:
            if self._tls is not None:
                plain.settimeout(REQUEST_WITHIN_S)
                connection = self._tls.wrap_socket(plain, server_side=True)
            connection.settimeout(None)
            association = self._converse(Wire(connection), address, self._chosen)
        except OSError as error:
            log.warning("connection_failed", error=type(error).__name__)
            self._forget(connection)
            return
        with self._lock:
            self._open.add(association)
        OPEN.inc()
        try:
            association.serve()
        except Exception as error:  # noqa: BLE001 (one broken conversation must not be silent, nor end the others)
            log.exception("association_failed", error=type(error).__name__)
        finally:
            OPEN.dec()
            with self._lock:
                self._open.discard(association)
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections -= 1
        with suppress(OSError):
            connection.close()
