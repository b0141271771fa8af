"""Storage commitment, the answering: N-EVENT-REPORT on an association of its own (DICOM PS3.4 J.3.3)."""

from collections.abc import Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pynetdicom import build_role
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at run time
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from services.imaging.dimse.calling import calling
from services.imaging.domain.instance import Reference
from services.imaging.settings import Settings
from shared.errors import Unavailable

ALL_STORED, SOME_FAILED = 1, 2
"""Event Type ID (PS3.4 table J.3-2)."""

_ROLE: Final = {"scu_role": False, "scp_role": True}
"""We call, and are the provider all the same (PS3.7 D.3.3.4)."""


def report(
    chosen: Settings,
    peer: str,
    transaction: str,
    committed: Sequence[Reference],
    failed: Sequence[tuple[Reference, int]],
) -> None:
    """Tell a peer which instances we hold and answer for, and which not.

    Args:
        failed: with its Failure Reason (0008,1197).

    Raises:
        InvalidResource: no such peer.
        Unavailable: it is away, refuses, or does not take the answer.
    """
    told = Dataset()
    told.TransactionUID = transaction
    told.RetrieveAETitle = chosen.ae_title
    if committed:
        told.ReferencedSOPSequence = Items([_item(reference) for reference in committed])
    if failed:
        told.FailedSOPSequence = Items([_item(reference, reason) for reference, reason in failed])
    kind = SOME_FAILED if failed else ALL_STORED
    roles = [build_role(StorageCommitmentPushModel, **_ROLE)]
    with calling(chosen, peer, [build_context(StorageCommitmentPushModel)], roles=roles) as association:
        status, _ = association.send_n_event_report(
            told, kind, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    code = status.get("Status") if status else None
    if code != 0:
        word = "broke off" if code is None else f"answered {code:04X}"
        raise Unavailable(f"{peer} did not take the storage commitment: it {word}", fix="Look at its log.")


def _item(reference: Reference, reason: int | None = None) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = reference
    if reason is not None:
        made.FailureReason = reason
    return made
