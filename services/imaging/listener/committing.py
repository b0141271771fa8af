"""Storage commitment, the asking: what a peer wants to know is a row before it is told that we will answer.

Source: DICOM PS3.4 annex J (push model), PS3.7 10.1.4 (N-ACTION) and annex C (statuses).
"""

from io import BytesIO
from typing import Final

from pynetdicom.dsutils import decode

from services.imaging import store
from services.imaging.domain.instance import Reference
from services.imaging.listener.command_set import SUCCESS, Command
from services.imaging.listener.negotiation import COMMITMENT, COMMITMENT_INSTANCE, Context
from services.imaging.listener.receiving import Answer
from services.imaging.settings import Settings
from shared.errors import Unavailable
from shared.telemetry import log

REQUEST: Final = 1
"""Action Type ID: request storage commitment."""

LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a request: some 50,000 instances."""

_IMPLICIT: Final = "1.2.840.10008.1.2"


class Committing:
    """One request on its way in."""

    def __init__(self, command: Command, context: Context, chosen: Settings, peer: str) -> None:
        self._command = command
        self._context = context
        self._chosen = chosen
        self._peer = peer
        self._data = bytearray()

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the request; one that is too long is answered, not held."""
        if len(self._data) <= LONGEST:
            self._data += data

    def finish(self) -> Answer:
        """The request is whole: what the peer is told."""
        if refused := self._refused():
            return refused
        try:
            transaction, instances = self._read()
        except Exception:  # noqa: BLE001 (pydicom raises what a hostile data set makes it raise)
            return 0x0115, "transaction UID or referenced SOP sequence cannot be read"
        try:
            with store.transaction() as session:
                store.ask_commitment(session, self._peer, transaction, instances)
        except Unavailable:
            return 0x0213, "cannot be noted now; ask again"
        log.info("commitment_asked", peer=self._peer, instances=len(instances))
        return SUCCESS, ""

    def _refused(self) -> Answer | None:
        reasons: list[tuple[bool, Answer]] = [
            (self._command.sop_class != COMMITMENT, (0x0118, "only storage commitment is acted on here")),
            (self._command.uid != COMMITMENT_INSTANCE, (0x0112, "not the instance of storage commitment")),
            (self._command.action != REQUEST, (0x0123, "no such action")),
            (self._peer not in self._chosen.dimse_peers, (0x0110, "no address to answer to: HUB_IMAGING_DIMSE_PEERS")),
            (len(self._data) > LONGEST, (0x0213, "too many instances at once; ask for fewer")),
        ]
        return next((answer for applies, answer in reasons if applies), None)

    def drop(self) -> None:
        """The peer went away in the middle."""
        self._data.clear()

    def _read(self) -> tuple[str, list[Reference]]:
        asked = decode(BytesIO(self._data), self._context.syntax == _IMPLICIT, True)  # little endian
        instances = [
            Reference(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in asked.ReferencedSOPSequence
        ]
        transaction = str(asked.TransactionUID)
        if not transaction or not instances:
            raise ValueError("empty")
        return transaction, instances
