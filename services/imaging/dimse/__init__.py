"""DIMSE out: ask a configured archive, have it send to us, and answer what it asked about storage commitment.

Sources: DICOM PS3.4 annexes C (query and retrieve) and J (storage commitment).
"""

from services.imaging.dimse.commitment import report
from services.imaging.dimse.query import Found, find_studies
from services.imaging.dimse.retrieve import Moved, move
from services.imaging.dimse.tls import server_context

__all__ = ["Found", "Moved", "find_studies", "move", "report", "server_context"]
