"""An association that we open with a peer, and its failures in plain words."""

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from services.imaging.dimse.tls import client_context
from services.imaging.settings import Peer, Settings
from shared.errors import InvalidResource, Unavailable

CONNECT_S: Final = 10.0
ANSWER_S: Final = 60.0
_REASONS: Final = {
    (1, 3): "it does not know our AE title",
    (1, 7): "it is not called by that AE title",
    (1, 2): "it does not speak DICOM as we do",
    (3, 2): "it has too many associations open",
    (3, 1): "it is too busy",
}


def peer_of(chosen: Settings, title: str) -> Peer:
    """A configured peer.

    Raises:
        InvalidResource: there is none of this title.
    """
    peer = chosen.dimse_peers.get(title)
    if peer is None:
        known = ", ".join(sorted(chosen.dimse_peers)) or "none"
        raise InvalidResource(
            f"{title} is no peer of this hub; known: {known}", fix="Add it to HUB_IMAGING_DIMSE_PEERS."
        )
    return peer


@contextmanager
def calling(
    chosen: Settings,
    title: str,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    answer_s: float = ANSWER_S,
) -> Iterator[Association]:
    """An open association, released when the block ends.

    Args:
        answer_s: how long an answer may take.

    Raises:
        InvalidResource: no such peer.
        Unavailable: it is away or refuses.
    """
    _quiet()
    peer = peer_of(chosen, title)
    entity = AE(ae_title=chosen.ae_title)
    entity.connection_timeout, entity.acse_timeout, entity.dimse_timeout = CONNECT_S, CONNECT_S, answer_s
    entity.network_timeout = answer_s
    more: dict[str, Any] = {"tls_args": (client_context(chosen), peer.host)} if peer.tls else {}
    association = entity.associate(
        peer.host,
        peer.port,
        contexts=list(contexts),
        ae_title=title,
        ext_neg=list(roles),
        evt_handlers=[(evt.EVT_CONN_OPEN, _hurry)],
        **more,
    )
    if not association.is_established:
        raise Unavailable(f"{title} at {peer.host}:{peer.port} cannot be asked: {_why(association)}", fix=_fix(title))
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _why(association: Association) -> str:
    if association.is_rejected:
        answer = association.acceptor.primitive
        key = (getattr(answer, "result_source", 0), getattr(answer, "diagnostic", 0))
        return _REASONS.get(key, "it refuses the association")
    if association.acceptor.primitive is not None:
        return "it offers nothing of what we ask for"
    return "nobody answers there"


def _fix(title: str) -> str:
    return f"Check the address of {title} in HUB_IMAGING_DIMSE_PEERS, and our AE title and address in its settings."


def _hurry(event: evt.Event) -> None:
    """Nagle's algorithm would hold each request back for an acknowledgement."""
    line = event.assoc.dul.socket
    if line is not None and line.socket is not None:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@cache
def _quiet() -> None:
    """Pynetdicom's log quotes identifiers: no patient goes into a log."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
