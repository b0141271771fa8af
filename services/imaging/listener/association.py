"""One association from its request to its end, on a thread of its own.

Source: DICOM PS3.8 9.2 (state machine: here the acceptor's half), PS3.7 9.3 (messages).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from services.imaging.arrivals import Arrival, Outcome, Sender
from services.imaging.listener import command_set, negotiation
from services.imaging.listener.command_set import C_CANCEL, C_ECHO, C_STORE, N_ACTION, SUCCESS, UNRECOGNISED, Command
from services.imaging.listener.committing import Committing
from services.imaging.listener.negotiation import COMMITMENT, VERIFICATION, Context, Refusal, Request
from services.imaging.listener.receiving import Answer, Receiving
from services.imaging.listener.seen import ANSWERS, note_refusal, principal
from services.imaging.listener.wire import ABORT, ASSOCIATE, DATA, RELEASE, Closed, Value, Wire, values
from services.imaging.settings import Settings
from shared.telemetry import log

REQUEST_WITHIN_S: Final = 30.0
"""From the connection to the association request (PS3.8's ARTIM timer)."""

IDLE_S: Final = 300.0
"""How long a peer may be silent, in the middle of a message or between two."""

_BAD_PDU: Final = 6
_UNEXPECTED: Final = 2


class Association:
    """A conversation with one peer.

    Args:
        full: whether no further association is served now.
        record: `Together.ask`.
        asked: is called when a peer asked for storage commitment.

    Attributes:
        busy: in the middle of a message.
    """

    def __init__(
        self,
        line: Wire,
        address: str,
        chosen: Settings,
        *,
        full: Callable[[], bool],
        record: Callable[[Sequence[Arrival]], list[Outcome]],
        asked: Callable[[], None],
    ) -> None:
        self._line = line
        self._address = address
        self._chosen = chosen
        self._full = full
        self._record = record
        self._asked = asked
        self._caller = ""
        self._sender = Sender(principal(""))
        self._contexts: dict[int, Context] = {}
        self._words = bytearray()
        self._command: Command | None = None
        self._sink: Receiving | Committing | None = None
        self.busy = False

    def serve(self) -> None:
        """Until one of both ends it."""
        try:
            self._line.wait_at_most(REQUEST_WITHIN_S)
            kind, body = self._line.read()
            if kind == ASSOCIATE and self._open(body):
                self._line.wait_at_most(IDLE_S)
                while self._step(*self._line.read()):
                    pass
        except Closed:
            if self.busy:
                log.info("association_broken", caller=self._caller)
        except ValueError:
            log.warning("association_aborted", caller=self._caller, reason="malformed")
            self._abort(_BAD_PDU)
        finally:
            if self._sink is not None:
                self._sink.drop()

    def _open(self, body: memoryview) -> bool:
        request = negotiation.parse(body)
        refusal = negotiation.judge(request, self._address, self._chosen.ae_title, self._chosen.dimse_senders)
        if refusal is None and self._full():
            refusal = negotiation.TOO_MANY
        if refusal is not None:
            self._refuse(request, refusal)
            return False
        self._caller = request.caller
        self._sender = Sender(principal(self._caller))
        accepted, self._contexts = negotiation.accept(request)
        self._line.send(accepted)
        log.info("association_opened", caller=self._caller, contexts=len(self._contexts))
        return True

    def _refuse(self, request: Request, refusal: Refusal) -> None:
        note_refusal(request.caller, self._address, refusal)
        self._line.reject(*refusal.code)

    def _step(self, kind: int, body: memoryview) -> bool:
        """Take one PDU; False when the association is over."""
        if kind == DATA:
            for value in values(body):
                self._take(value)
            return True
        if kind == RELEASE:
            self._line.release()
            log.info("association_released", caller=self._caller)
        elif kind != ABORT:
            self._abort(_UNEXPECTED)
        return False

    def _take(self, value: Value) -> None:
        self.busy = True
        if value.is_command:
            if self._sink is not None or len(self._words) + len(value.data) > command_set.LONGEST:
                raise ValueError("a command where a data set was due, or one without end")
            self._words += value.data
            if value.is_last:
                self._begin(value.context, command_set.decode(self._words))
                self._words.clear()
            return
        if self._sink is None:
            raise ValueError("a data set without a command")
        self._sink.write(value.data)
        if value.is_last:
            sink, self._sink = self._sink, None
            self._end(value.context, sink.finish())

    def _begin(self, number: int, command: Command) -> None:
        context = self._contexts.get(number)
        if context is None:
            raise ValueError("a presentation context that was not accepted")
        self._command = command
        if command.kind == C_STORE and command.has_data and context.abstract not in {VERIFICATION, COMMITMENT}:
            self._sink = Receiving(command, context, self._chosen, sender=self._sender, record=self._record)
        elif command.kind == N_ACTION and command.has_data and context.abstract == COMMITMENT:
            self._sink = Committing(command, context, self._chosen, self._caller)
        elif command.kind == C_ECHO and not command.has_data:
            self._end(number, (SUCCESS, ""))
        elif command.kind == C_CANCEL:
            self.busy = False  # nothing here takes long enough to be cancelled
        elif command.has_data:
            raise ValueError("a request that is not served here")
        else:
            self._end(number, (UNRECOGNISED, "not served here"))

    def _end(self, number: int, answer: Answer) -> None:
        if self._command is None:
            raise ValueError("an answer without a request")
        status, comment = answer
        self._line.answer(number, command_set.answer(self._command, status, comment))
        ANSWERS.labels(command_set.WORDS.get(self._command.kind, "other"), f"{status:04x}").inc()
        if self._command.kind == N_ACTION and status == SUCCESS:
            self._asked()
        self._command, self.busy = None, False

    def _abort(self, reason: int) -> None:
        with suppress(Closed):
            self._line.abort(2, reason)

    def end(self) -> None:
        """End it from outside: the process stops."""
        self._abort(0)
        self._line.close()
