"""DIMSE out: ask a configured archive, have it send to us, give it results, and answer what it asked to commit to.

Sources: DICOM PS3.4 annexes B (storage), C (query and retrieve) and J (storage commitment).
"""

from services.imaging.dimse.commitment import report
from services.imaging.dimse.query import Found, find_studies
from services.imaging.dimse.retrieve import Moved, move
from services.imaging.dimse.storing import store
from services.imaging.dimse.tls import server_context

__all__ = ["Found", "Moved", "find_studies", "move", "report", "server_context", "store"]
