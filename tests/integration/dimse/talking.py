"""A sender that says what DCMTK would not: whatever bytes it is given."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)

MRN = "https://st-luke.example/mrn"


def environment(store: Path, port: int) -> dict[str, str]:
    """What a listener is told."""
    return {
        "HUB_IMAGING_STORE_DIR": str(store),
        "HUB_IMAGING_ISSUERS": json.dumps({"ST-LUKE": MRN}),
        "HUB_IMAGING_DEFAULT_ISSUER": "ST-LUKE",
        "HUB_IMAGING_AE_TITLE": "HUB",
        "HUB_IMAGING_DIMSE_PORT": str(port),
        "HUB_IMAGING_DIMSE_SENDERS": json.dumps({"STORESCU": [], "ECHOSCU": [], "ORTHANC": [], "ARCHIVE": []}),
    }


@contextmanager
def connected(port: int, title: str = "STORESCU", called: str = "HUB") -> Iterator[Association]:
    """An association for CT pictures; it may not be established."""
    entity = AE(title)
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    yield association
    if association.is_established:
        association.release()


def store(association: Association, data: bytes, uid: str | None = None) -> int:
    """Send a data set as it is; the status that comes back."""
    request = C_STORE()
    request.MessageID, request.Priority = 7, 2
    request.AffectedSOPClassUID = CTImageStorage
    request.AffectedSOPInstanceUID = uid or generate_uid()
    request.DataSet = BytesIO(data)
    association._reactor_checkpoint.clear()  # noqa: SLF001 (the library's own reader stands back, as in its send_c_store)
    association.dimse.send_msg(request, context_of(association))
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()  # noqa: SLF001 (as above)
    assert isinstance(answer, C_STORE)
    assert answer.Status is not None
    return answer.Status


def context_of(association: Association) -> int:
    """The presentation context for CT pictures."""
    number = association.accepted_contexts[0].context_id
    assert number is not None
    return number
