"""Which side of a paired body part a picture shows, for what is derived from it.

Sources: PS3.3 C.7.3.1 (Laterality: of paired parts alone, empty when unknown), C.10.5 (Image Laterality), C.7.6.16.2.8
(Frame Anatomy); PS3.16 annex L (which parts are paired).
"""

from contextlib import suppress
from typing import Final

from pydicom.dataset import Dataset

_WORDS: Final = (
    "ABDOMEN ABDOMENPELVIS AORTA BACK BLADDER BRAIN CEREBELLUM CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS COCCYX COLON "
    "CSPINE CTSPINE DUODENUM ESOPHAGUS FACE GALLBLADDER HEAD HEADNECK HEART ILEUM JAW JEJUNUM LARYNX LIVER LSPINE "
    "LSSPINE MAXILLA MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NECKCHESTABDPELV NOSE PANCREAS PELVIS PENIS "
    "PHARYNX PROSTATE RECTUM SKULL SPINE SPLEEN SSPINE STERNUM STOMACH THYMUS THYROID TLSPINE TONGUE TRACHEA TSPINE "
    "URETHRA UTERUS VAGINA WHOLEBODY"
)
UNPAIRED: Final = frozenset(_WORDS.split())
"""Body Parts Examined of which there is one."""

_SIDES: Final = frozenset({"R", "L"})


def side_of(source: Dataset, frame: int) -> str | None:
    """R or L, empty when nobody says which, None where there are no sides.

    Args:
        frame: from 1.
    """
    if str(source.get("BodyPartExamined") or "").strip().upper() in UNPAIRED:
        return None
    said = [source.get("Laterality"), source.get("ImageLaterality"), *_said_of(source, frame)]
    return next((str(one) for one in said if str(one) in _SIDES), "")


def _said_of(source: Dataset, frame: int) -> list[object]:
    """What the functional groups say of a frame, then of all."""
    found: list[object] = []
    for sequence, place in (("PerFrameFunctionalGroupsSequence", frame - 1), ("SharedFunctionalGroupsSequence", 0)):
        with suppress(AttributeError, IndexError, KeyError, TypeError):
            found.append(source[sequence].value[place].FrameAnatomySequence[0].FrameLaterality)
    return found
