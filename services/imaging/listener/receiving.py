"""C-STORE: a data set goes to the disk as it comes, and its sender hears of success after the commit.

Sources: DICOM PS3.4 B.2.3 (status codes of C-STORE), PS3.10 7.1 (file meta information).
"""

from collections.abc import Callable, Sequence
from typing import Final

from services.imaging import arrivals
from services.imaging.arrivals import Arrival, Outcome, Sender
from services.imaging.domain.instance import Failure, Reference, Refused, Stored
from services.imaging.files import Keeping, Spool
from services.imaging.listener.command_set import SUCCESS, Command
from services.imaging.listener.negotiation import IMPLEMENTATION, VERSION, Context
from services.imaging.settings import Settings
from shared.errors import HubError, Unavailable
from shared.telemetry import log

Answer = tuple[int, str]
"""A status and an error comment."""

OUT_OF_RESOURCES: Final = (0xA700, "cannot be stored now; send again")
REFUSALS: Final[dict[Failure, Answer]] = {
    Failure.NOT_DICOM: (0xC000, "kept in quarantine: not DICOM"),
    Failure.DAMAGED: (0xC000, "kept in quarantine: damaged or cut"),
    Failure.INCOMPLETE_HEADER: (0xA900, "kept in quarantine: study, series or instance UID missing"),
    Failure.TRANSFER_SYNTAX: (0xC000, "kept in quarantine: transfer syntax not read here"),
    Failure.OTHER_STUDY: (0xA900, "kept in quarantine: of another study"),
    Failure.CONFLICT: (0xC002, "kept in quarantine: other content has this UID"),
    Failure.TOO_LARGE: (0xC000, "kept in quarantine: larger than is inflated"),
    Failure.OTHER_OBJECT: (0xA900, "kept in quarantine: data set is of another SOP class or UID"),
}


class Receiving:
    """One data set on its way in; what cannot be written is read all the same, so that the sender gets its answer.

    Args:
        record: `Together.ask`.
    """

    def __init__(
        self,
        command: Command,
        context: Context,
        chosen: Settings,
        *,
        sender: Sender,
        record: Callable[[Sequence[Arrival]], list[Outcome]],
    ) -> None:
        self._command = command
        self._chosen = chosen
        self._sender = sender
        self._record = record
        self._spool: Spool | None = None
        try:
            self._spool = Spool(chosen.store_dir)
            self._spool.write(meta(command.sop_class, command.uid, context.syntax))
        except Unavailable as error:
            self._fail(error)

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set."""
        if self._spool is not None:
            try:
                self._spool.write(data)
            except Unavailable as error:
                self._fail(error)

    def finish(self) -> Answer:
        """All bytes are there: what the sender is told."""
        if self._spool is None:
            return OUT_OF_RESOURCES
        try:
            with self._spool as spool:
                return self._settle(spool)
        except Unavailable as error:
            log.warning("instance_not_taken", reason=error.message)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 (a bug here must not lose a picture: the sender keeps it)
            log.exception("instance_failed", error=type(error).__name__)
            return OUT_OF_RESOURCES

    def drop(self) -> None:
        """The sender went away in the middle: it was told nothing and sends again."""
        if self._spool is not None:
            self._spool.__exit__(None, None, None)

    def _settle(self, spool: Spool) -> Answer:
        named = Reference(self._command.sop_class, self._command.uid)
        with Keeping() as keeping:
            taken = arrivals.take(spool.finish(sync=False), self._chosen, self._sender, keeping, named=named)
            if isinstance(taken, Refused):
                return REFUSALS[taken.reason]
            [outcome] = self._record([taken])
        return (SUCCESS, "") if isinstance(outcome, Stored) else REFUSALS[outcome]

    def _fail(self, error: HubError) -> None:
        log.warning("instance_not_written", reason=error.message)
        self.drop()
        self._spool = None


def meta(sop_class: str, uid: str, syntax: str) -> bytes:
    """Preamble and file meta information; the same whoever sends it, so that sent again it is the same file."""
    elements = (
        (0x0001, b"OB", b"\0\1"),
        (0x0002, b"UI", _uid(sop_class)),
        (0x0003, b"UI", _uid(uid)),
        (0x0010, b"UI", _uid(syntax)),
        (0x0012, b"UI", _uid(IMPLEMENTATION)),
        (0x0013, b"SH", VERSION.encode() + b" " * (len(VERSION) % 2)),
    )
    body = b"".join(_element(*element) for element in elements)
    return b"\0" * 128 + b"DICM" + _element(0x0000, b"UL", len(body).to_bytes(4, "little")) + body


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    tag = b"\2\0" + element.to_bytes(2, "little") + vr
    length = b"\0\0" + len(value).to_bytes(4, "little") if vr == b"OB" else len(value).to_bytes(2, "little")
    return tag + length + value


def _uid(text: str) -> bytes:
    value = text.encode("ascii", "replace")[:64]
    return value + b"\0" * (len(value) % 2)
