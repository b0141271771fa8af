"""Who may open an association, and what can be said on it.

Sources: DICOM PS3.8 7.1.1 (A-ASSOCIATE), table 9-21 (reasons of a rejection), PS3.7 annex D (user information).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext

from services.imaging.dicom.header import TRANSFER_SYNTAXES
from services.imaging.listener.wire import LONGEST_PDU

VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
IMPLEMENTATION: Final = str(PYNETDICOM_IMPLEMENTATION_UID)
VERSION: Final = "CONSILIUM"

_PLAIN: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})
_NOT_SUPPORTED, _NO_SYNTAX = 0x03, 0x04
_FAMILY: Final = "1.2.840.10008.5.1.4."


@dataclass(frozen=True)
class Refusal:
    """An association that is not opened.

    Attributes:
        code: result, source and reason (PS3.8 table 9-21).
        why: in plain words.
    """

    code: tuple[int, int, int]
    why: str


NOT_DICOM: Final = Refusal((1, 1, 2), "application context name not supported")
UNKNOWN_CALLER: Final = Refusal((1, 1, 3), "calling AE title not recognised")
UNKNOWN_CALLED: Final = Refusal((1, 1, 7), "called AE title not recognised")
TOO_MANY: Final = Refusal((2, 3, 2), "local limit of associations exceeded")


@dataclass(frozen=True)
class Request:
    """An association that somebody wants.

    Attributes:
        caller: its AE title.
        called: ours, as it thinks.
    """

    caller: str
    called: str
    context_name: str
    wanted: A_ASSOCIATE


@dataclass(frozen=True)
class Context:
    """A presentation context on which both agree."""

    abstract: str
    syntax: str


def parse(body: memoryview) -> Request:
    """Read an A-ASSOCIATE-RQ.

    Raises:
        ValueError: it is none.
    """
    try:
        request = A_ASSOCIATE_RQ()
        request.decode(b"\x01\x00" + len(body).to_bytes(4, "big") + bytes(body))
        wanted = request.to_primitive()
        titles = str(wanted.calling_ae_title).strip(), str(wanted.called_ae_title).strip()
        return Request(*titles, str(wanted.application_context_name), wanted)
    except Exception:  # noqa: BLE001 (pynetdicom raises what hostile bytes make it raise)
        raise ValueError("not an association request") from None


def judge(request: Request, address: str, title: str, senders: Mapping[str, list[str]]) -> Refusal | None:
    """Why a caller is not let in; None when it is.

    Args:
        address: that it calls from.
        title: our AE title.
        senders: AE title → addresses it may call from, none for any. Who is not named is not let in.
    """
    if request.context_name != "1.2.840.10008.3.1.1.1":
        return NOT_DICOM
    addresses = senders.get(request.caller)
    if addresses is None or (addresses and address not in addresses):
        return UNKNOWN_CALLER
    return None if request.called == title else UNKNOWN_CALLED


@cache
def storage_classes() -> frozenset[str]:
    """All storage SOP classes of PS3.4 B.5, and the retired ones that old devices still send."""
    return frozenset(
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and uid.startswith(_FAMILY) and "Storage" in name and "Storage Management" not in name
    )


def accept(request: Request) -> tuple[bytes, dict[int, Context]]:
    """The A-ASSOCIATE-AC, and the contexts that it opens.

    Of the transfer syntaxes of a context the first that we take is chosen: the sender's own, so it converts nothing.
    """
    opened: dict[int, Context] = {}
    results = []
    for offered in request.wanted.presentation_context_definition_list:
        abstract, syntaxes = str(offered.abstract_syntax), [str(syntax) for syntax in offered.transfer_syntax or []]
        taken = _taken(abstract)
        chosen = next((syntax for syntax in syntaxes if syntax in taken), None)
        made = PresentationContext()
        made.context_id = offered.context_id
        made.abstract_syntax = offered.abstract_syntax
        made.transfer_syntax = [UID(chosen or (syntaxes or ["1.2.840.10008.1.2"])[0])]
        made.result = 0 if chosen else _NO_SYNTAX if taken else _NOT_SUPPORTED
        results.append(made)
        if chosen:
            opened[int(offered.context_id or 0)] = Context(abstract, chosen)
    return _acceptance(request.wanted, results), opened


def _taken(abstract: str) -> frozenset[str]:
    if abstract in {VERIFICATION, COMMITMENT}:
        return _PLAIN
    return TRANSFER_SYNTAXES if abstract in storage_classes() else frozenset()


def _acceptance(wanted: A_ASSOCIATE, results: list[PresentationContext]) -> bytes:
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    version = ImplementationVersionNameNotification()
    length.maximum_length_received = LONGEST_PDU
    implementation.implementation_class_uid = UID(IMPLEMENTATION)
    version.implementation_version_name = VERSION
    made = A_ASSOCIATE()
    made.application_context_name = wanted.application_context_name
    made.calling_ae_title = wanted.calling_ae_title
    made.called_ae_title = wanted.called_ae_title
    made.result = 0
    made.result_source = 1
    made.presentation_context_definition_results_list = results
    made.user_information = [length, implementation, version]
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(made)
    return answer.encode()
